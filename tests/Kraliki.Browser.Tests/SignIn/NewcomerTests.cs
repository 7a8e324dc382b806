using System.Text.RegularExpressions;
using Kraliki.Contracts;
using Kraliki.Server.Tests;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Kraliki.Browser.Tests.SignIn;

/// <summary>Everything that happens between a stranger and their desk, with the mails in between.</summary>
[Collection(ConsoleFixture.OneAtATime)]
public sealed partial class NewcomerTests(ConsoleFixture console) : IAsyncLifetime
{
    private const string Password = "a hare in the tall grass";

    private IBrowserContext _context = null!;
    private IPage _page = null!;

    public async ValueTask InitializeAsync()
    {
        _context = await console.NewContextAsync();
        _page = await _context.NewPageAsync();
    }

    public async ValueTask DisposeAsync() => await _context.DisposeAsync();

    [Fact]
    public async Task A_newcomer_registers_opens_the_mail_and_signs_in()
    {
        await _page.GotoAsync("/sign-in");
        await _page.GetByRole(AriaRole.Link, new() { Name = "Create an account" }).ClickAsync();
        await ShowsAsync("Create an account");
        await Accessibility.CheckAsync(_page, "Register, light");

        await FillAsync(("Your name", "Nora Newcomer"), ("Organisation", "Hare & Sons"), ("E-mail", "nora@hare.example"), ("Password", "too short"));
        await Expect(_page.GetByText("9 of 12")).ToBeVisibleAsync();
        await PressAsync("Create an account");
        await Expect(_page.GetByText("Use at least 12 characters.")).ToBeVisibleAsync();
        await Expect(Field("Password")).ToBeFocusedAsync();
        await Expect(Field("Password")).ToHaveAttributeAsync("aria-invalid", "true");

        await FillAsync(("Password", Password));
        await Expect(_page.GetByText("Use at least 12 characters.")).ToHaveCountAsync(0);
        await PressAsync("Create an account");
        await ShowsAsync("Look into your mailbox");
        await Expect(_page.GetByRole(AriaRole.Link, new() { Name = "Open the demo mailbox" })).ToBeVisibleAsync();

        // Not before the mail was opened.
        await _page.GotoAsync("/sign-in");
        await FillAsync(("E-mail", "nora@hare.example"), ("Password", Password));
        await PressAsync("Sign in");
        await Expect(_page.GetByRole(AriaRole.Alert).GetByText("Your e-mail address is not confirmed yet.")).ToBeVisibleAsync();
        await PressAsync("Send the mail again");
        await Expect(_page.GetByText("The mail is on its way again.")).ToBeVisibleAsync();

        await OpenMailAsync("nora@hare.example", "Confirm");
        await ShowsAsync("Your address is confirmed");
        await Expect(_page).ToHaveURLAsync(new Uri(console.Server.Url, "/verify").ToString());
        await _page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Dark });
        await Accessibility.CheckAsync(_page, "Verified, dark");
        await _page.GetByRole(AriaRole.Link, new() { Name = "Sign in" }).ClickAsync();
        await FillAsync(("E-mail", "nora@hare.example"), ("Password", Password));
        await PressAsync("Sign in");

        await _page.GetByRole(AriaRole.Button, new() { Name = "Your account" }).ClickAsync();
        await Expect(_page.GetByText("Administrator · Hare & Sons")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task A_link_that_was_used_offers_a_new_one()
    {
        await _page.GotoAsync("/verify?token=used-up");
        await Expect(_page.GetByText("This link is no longer good")).ToBeVisibleAsync();
        await FillAsync(("E-mail", "nobody@hare.example"));
        await PressAsync("Send a new link");

        await ShowsAsync("Look into your mailbox");
        await Expect(_page.GetByText("nobody@hare.example")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task Who_forgot_the_password_sets_a_new_one_by_mail_and_every_device_is_signed_out()
    {
        var address = await console.NewPersonAsync("Fiona Forgetful", Password, TestContext.Current.CancellationToken);
        using var elsewhere = console.Server.Api();
        await elsewhere.LoginAsync(address, Password, TokenTransport.Body, TestContext.Current.CancellationToken);
        await _page.GotoAsync("/sign-in");
        await _page.GetByRole(AriaRole.Link, new() { Name = "Forgot your password?" }).ClickAsync();
        await ShowsAsync("Choose a new password");
        await Accessibility.CheckAsync(_page, "Forgot, light");
        await FillAsync(("E-mail", "no address"));
        await PressAsync("Send the link");
        await Expect(_page.GetByText("This does not look like an e-mail address")).ToBeVisibleAsync();
        await FillAsync(("E-mail", address));
        await PressAsync("Send the link");
        await ShowsAsync("Look into your mailbox");

        await OpenMailAsync(address, "Set a new password");
        await Expect(_page).ToHaveURLAsync(new Uri(console.Server.Url, "/reset").ToString());
        await Accessibility.CheckAsync(_page, "Reset, light");
        await FillAsync(("New password", "passwordpassword"));
        await PressAsync("Set the password");
        await Expect(Field("New password")).ToHaveAttributeAsync("aria-invalid", "true");
        await Expect(Field("New password")).ToBeFocusedAsync();
        await FillAsync(("New password", "two hares in the tall grass"));
        await PressAsync("Set the password");

        await Expect(_page.GetByText("Your new password is set. Sign in with it.")).ToBeVisibleAsync();
        await FillAsync(("E-mail", address), ("Password", "two hares in the tall grass"));
        await PressAsync("Sign in");
        await Expect(_page.GetByRole(AriaRole.Button, new() { Name = "Your account" })).ToBeVisibleAsync();
        var fault = await Assert.ThrowsAsync<Client.KralikiException>(() => elsewhere.MeAsync(TestContext.Current.CancellationToken));
        Assert.Equal(System.Net.HttpStatusCode.Unauthorized, fault.Status);
    }

    [Fact]
    public async Task An_invited_person_sees_who_invites_to_what_and_is_signed_in_by_the_password_just_set()
    {
        using var admin = await console.ApiAsync(TestContext.Current.CancellationToken, RunningServer.Admin);
        await admin.InviteUserAsync(new InviteUser("ines@demo.example", UserRole.Supervisor), TestContext.Current.CancellationToken);

        await OpenMailAsync("ines@demo.example", "invit");
        await ShowsAsync("Join Kraliki Demo");
        await Expect(_page).ToHaveURLAsync(new Uri(console.Server.Url, "/invitation").ToString());
        await Expect(_page.GetByText("invites you to Kraliki Demo as Supervisor.")).ToBeVisibleAsync();
        await Expect(Field("E-mail")).ToHaveValueAsync("ines@demo.example");
        await Accessibility.CheckAsync(_page, "Invitation, light");
        await _page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Dark });
        await Accessibility.CheckAsync(_page, "Invitation, dark");

        await PressAsync("Accept the invitation");
        await Expect(_page.GetByText("Enter your name.")).ToBeVisibleAsync();
        await FillAsync(("Your name", "Ines Invited"), ("Password", Password));
        await PressAsync("Accept the invitation");

        await _page.GetByRole(AriaRole.Button, new() { Name = "Your account" }).ClickAsync();
        await Expect(_page.GetByText("Supervisor · Kraliki Demo")).ToBeVisibleAsync();

        await OpenMailAsync("ines@demo.example", "invit");
        await Expect(_page.GetByText("This invitation was accepted already")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task Everything_works_by_keyboard_alone_and_a_guesser_sees_the_seconds_count_down()
    {
        var address = await console.NewPersonAsync("Karl Keyboard", Password, TestContext.Current.CancellationToken);
        await _page.GotoAsync("/sign-in");
        await Expect(_page.GetByText("Demo installation")).ToBeVisibleAsync();
        await Field("E-mail").FocusAsync();
        await _page.Keyboard.PressAsync("Control+A");
        await _page.Keyboard.TypeAsync(address);
        await _page.Keyboard.PressAsync("Tab");
        await _page.Keyboard.TypeAsync("wrong");
        await _page.Keyboard.PressAsync("Tab");
        await Expect(_page.GetByRole(AriaRole.Button, new() { Name = "Show password" })).ToBeFocusedAsync();
        await _page.Keyboard.PressAsync("Space");
        await Expect(Field("Password")).ToHaveAttributeAsync("type", "text");
        await _page.Keyboard.PressAsync("Tab");
        await _page.Keyboard.PressAsync("Enter");

        // The focus is back in the password, ready for the next try.
        await Expect(Field("Password")).ToBeFocusedAsync();
        var waiting = _page.GetByRole(AriaRole.Button, new() { NameRegex = TryAgainIn() });
        for (var attempt = 0; attempt < 12 && await waiting.CountAsync() == 0; attempt++)
        {
            await Expect(_page.Locator("form")).ToHaveAttributeAsync("aria-busy", "false");
            await Expect(Field("Password")).ToHaveValueAsync("");
            await _page.Keyboard.TypeAsync("wrong");
            await _page.RunAndWaitForResponseAsync(() => _page.Keyboard.PressAsync("Enter"), "**/api/v1/auth/login");
            await Expect(_page.GetByRole(AriaRole.Button, new() { Name = "Signing in…" })).ToHaveCountAsync(0);
        }

        await Expect(_page.GetByRole(AriaRole.Alert).GetByText("Too many tries. You can try again in")).ToBeVisibleAsync();
        await Expect(waiting).ToHaveAttributeAsync("aria-disabled", "true");
        await Accessibility.CheckAsync(_page, "Locked out");

        // It counts to its end, and then the right password is welcome.
        await Expect(_page.GetByRole(AriaRole.Button, new() { Name = "Sign in", Exact = true })).ToBeVisibleAsync();
        await FillAsync(("Password", Password));
        await _page.Keyboard.PressAsync("Enter");
        await Expect(_page.GetByRole(AriaRole.Button, new() { Name = "Your account" })).ToBeVisibleAsync();
    }

    [Fact]
    public async Task Nothing_of_the_family_is_cut_off_at_any_width()
    {
        string[] paths = ["/sign-in", "/register", "/forgot", "/verify?token=x", "/reset?token=x", "/invitation?token=x"];
        foreach (var path in paths)
        {
            await _page.GotoAsync(path);
            await Expect(_page.Locator("h1")).ToBeVisibleAsync();
            foreach (var width in new[] { 320, 390, 900, 1440 })
            {
                await _page.SetViewportSizeAsync(width, 640);
                var overflow = await _page.EvaluateAsync<int>("() => document.documentElement.scrollWidth - innerWidth");
                Assert.True(overflow <= 0, $"{path} is {overflow} px wider than a screen of {width} px.");
            }
        }
    }

    [GeneratedRegex(@"^Try again in \d+ s$")]
    private static partial Regex TryAgainIn();

    private ILocator Field(string label) => _page.GetByRole(AriaRole.Textbox, new() { Name = label, Exact = true });

    private async Task FillAsync(params (string Label, string Value)[] fields)
    {
        foreach (var (label, value) in fields)
        {
            await Field(label).FillAsync(value);
        }
    }

    private Task PressAsync(string button) => _page.GetByRole(AriaRole.Button, new() { Name = button, Exact = true }).ClickAsync();

    private Task ShowsAsync(string heading) => Expect(_page.GetByRole(AriaRole.Heading, new() { Name = heading, Level = 1 })).ToBeVisibleAsync();

    private async Task OpenMailAsync(string to, string subject) =>
        await _page.GotoAsync(await console.LinkOfMailAsync(to, subject, TestContext.Current.CancellationToken));
}
