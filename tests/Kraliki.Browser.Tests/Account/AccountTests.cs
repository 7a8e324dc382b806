using Kraliki.Contracts;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Kraliki.Browser.Tests.Account;

[Collection(ConsoleFixture.OneAtATime)]
public sealed class AccountTests(ConsoleFixture console) : IAsyncLifetime
{
    private const string Password = "a hare in the tall grass";

    private IBrowserContext _context = null!;
    private IPage _page = null!;
    private string _address = null!;

    public async ValueTask InitializeAsync()
    {
        _address = await console.NewPersonAsync("Paula Person", Password, TestContext.Current.CancellationToken);
        _context = await console.NewContextAsync();
        await console.SignInAsync(_context, _address, Password);
        _page = await _context.NewPageAsync();
        await _page.GotoAsync("/account");
        await Expect(_page.GetByText("This device")).ToBeVisibleAsync();
    }

    public async ValueTask DisposeAsync() => await _context.DisposeAsync();

    [Fact]
    public async Task A_new_name_shows_everywhere_and_one_that_was_changed_elsewhere_is_not_overwritten_unseen()
    {
        await Field("Name").FillAsync("Paula Renamed");
        await PressAsync("Save");
        await Expect(_page.GetByText("Saved.")).ToBeVisibleAsync();
        await Expect(_page.GetByRole(AriaRole.Button, new() { Name = "Your account: Paula Renamed" })).ToBeVisibleAsync();

        using var elsewhere = console.Server.Api();
        await elsewhere.LoginAsync(_address, Password, TokenTransport.Body, TestContext.Current.CancellationToken);
        await elsewhere.UpdateMeAsync(new UpdateMe("Paula Elsewhere"), cancellationToken: TestContext.Current.CancellationToken);
        await Field("Name").FillAsync("Paula Here");
        await PressAsync("Save");
        await Expect(_page.GetByRole(AriaRole.Alert).GetByText("It is “Paula Elsewhere” now")).ToBeVisibleAsync();
        await Expect(Field("Name")).ToHaveValueAsync("Paula Here");
        await PressAsync("Save");
        await Expect(_page.GetByRole(AriaRole.Button, new() { Name = "Your account: Paula Here" })).ToBeVisibleAsync();

        await Field("Name").FillAsync(" ");
        await PressAsync("Save");
        await Expect(_page.GetByText("Enter your name.")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task A_changed_password_signs_the_other_devices_out_and_leaves_this_one()
    {
        using var elsewhere = console.Server.Api();
        await elsewhere.LoginAsync(_address, Password, TokenTransport.Body, TestContext.Current.CancellationToken);
        await _page.ReloadAsync();
        await Expect(_page.GetByRole(AriaRole.Listitem).Filter(new() { Has = _page.GetByRole(AriaRole.Button) })).ToHaveCountAsync(1);

        await Field("Current password").FillAsync("not the password");
        await Field("New password").FillAsync("two hares in the tall grass");
        await PressAsync("Change the password");
        await Expect(_page.GetByText("Current password is wrong.")).ToBeVisibleAsync();
        await Expect(Field("Current password")).ToBeFocusedAsync();

        await Field("Current password").FillAsync(Password);
        await PressAsync("Change the password");
        await Expect(_page.GetByText("Your password is changed.")).ToBeVisibleAsync();
        await Expect(_page.GetByRole(AriaRole.Listitem).Filter(new() { Has = _page.GetByRole(AriaRole.Button) })).ToHaveCountAsync(0);
        await Expect(Field("New password")).ToHaveValueAsync("");
        await Assert.ThrowsAsync<Client.KralikiException>(() => elsewhere.MeAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task One_device_is_ended_and_then_all_of_them_by_keyboard()
    {
        using var elsewhere = console.Server.Api();
        await elsewhere.LoginAsync(_address, Password, TokenTransport.Body, TestContext.Current.CancellationToken);
        using var third = console.Server.Api();
        await third.LoginAsync(_address, Password, TokenTransport.Body, TestContext.Current.CancellationToken);
        await _page.ReloadAsync();
        var others = _page.GetByRole(AriaRole.Listitem).Filter(new() { Has = _page.GetByRole(AriaRole.Button) });
        await Expect(others).ToHaveCountAsync(2);

        await others.First.GetByRole(AriaRole.Button).FocusAsync();
        await _page.Keyboard.PressAsync("Enter");
        await Expect(others).ToHaveCountAsync(1);

        // The row with the focus is gone: it went on to the next thing one may want.
        await Expect(_page.GetByRole(AriaRole.Button, new() { Name = "Sign out everywhere" })).ToBeFocusedAsync();
        await _page.Keyboard.PressAsync("Enter");
        await Expect(_page.GetByRole(AriaRole.Button, new() { Name = "Yes, sign out everywhere" })).ToBeFocusedAsync();
        await _page.Keyboard.PressAsync("Enter");

        await Expect(_page.GetByText("You are signed out on all your devices.")).ToBeVisibleAsync();
        await Assert.ThrowsAsync<Client.KralikiException>(() => elsewhere.MeAsync(TestContext.Current.CancellationToken));
        await Assert.ThrowsAsync<Client.KralikiException>(() => third.MeAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task The_page_is_accessible_in_both_themes_and_fits_every_width()
    {
        await Accessibility.CheckAsync(_page, "Account, light");
        await _page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Dark });
        await PressAsync("Save");
        await _page.GetByRole(AriaRole.Button, new() { Name = "Sign out everywhere" }).ClickAsync();
        await Accessibility.CheckAsync(_page, "Account, dark");
        foreach (var width in new[] { 320, 390, 900, 1440 })
        {
            await _page.SetViewportSizeAsync(width, 700);
            var overflow = await _page.EvaluateAsync<int>("() => { const main = document.querySelector('main'); return Math.max(main.scrollWidth - main.clientWidth, document.documentElement.scrollWidth - innerWidth); }");
            Assert.True(overflow <= 0, $"The account page is {overflow} px wider than a screen of {width} px.");
        }
    }

    private ILocator Field(string label) => _page.GetByRole(AriaRole.Textbox, new() { Name = label, Exact = true });

    private Task PressAsync(string button) => _page.GetByRole(AriaRole.Button, new() { Name = button, Exact = true }).ClickAsync();
}
