using Kraliki.Server.Tests;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Kraliki.Browser.Tests.SignIn;

[Collection(ConsoleFixture.OneAtATime)]
public sealed class SignInTests(ConsoleFixture console) : IAsyncLifetime
{
    private IBrowserContext _context = null!;
    private IPage _page = null!;

    public async ValueTask InitializeAsync()
    {
        _context = await console.NewContextAsync();
        _page = await _context.NewPageAsync();
    }

    public async ValueTask DisposeAsync() => await _context.DisposeAsync();

    [Fact]
    public async Task A_stranger_signs_in_arrives_where_they_wanted_to_go_and_signs_out_again()
    {
        await _page.GotoAsync("/not-found");
        await Expect(_page.GetByRole(AriaRole.Heading, new() { Name = "There is no such page" })).ToBeVisibleAsync();

        var wanted = $"/sessions/{Guid.CreateVersion7(TimeProvider.System.GetUtcNow())}";
        await _page.GotoAsync(wanted);
        await Expect(_page.GetByRole(AriaRole.Heading, new() { Name = "Sign in" })).ToBeVisibleAsync();
        await Accessibility.CheckAsync(_page, "Sign-in, light");
        await FillAsync(RunningServer.Operator, console.Server.Password);
        await Expect(_page).ToHaveURLAsync(new Uri(console.Server.Url, wanted).ToString());
        await Expect(_page.GetByText("There is no such call")).ToBeVisibleAsync();

        await _page.GetByRole(AriaRole.Button, new() { Name = "Your account" }).ClickAsync();
        await Expect(_page.GetByText("operator@demo.example")).ToBeVisibleAsync();
        await _page.GetByRole(AriaRole.Button, new() { Name = "Sign out" }).ClickAsync();
        await Expect(_page.GetByRole(AriaRole.Heading, new() { Name = "Sign in" })).ToBeVisibleAsync();
        await _page.GotoAsync("/");
        await Expect(_page).ToHaveURLAsync(new Uri(console.Server.Url, "/sign-in").ToString());
    }

    [Fact]
    public async Task A_wrong_password_is_refused_in_plain_words()
    {
        await _page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Dark });
        await _page.GotoAsync("/sign-in");
        await FillAsync(RunningServer.Operator, "not the password");

        await Expect(_page.GetByRole(AriaRole.Alert).GetByText("E-mail or password is not right.")).ToBeVisibleAsync();
        await Expect(_page.GetByLabel("Password", new() { Exact = true })).ToBeFocusedAsync();
        await Accessibility.CheckAsync(_page, "Sign-in refused, dark");
    }

    [Fact]
    public async Task The_demo_says_whom_to_sign_in_as_and_an_empty_form_says_what_is_missing()
    {
        await _page.GotoAsync("/sign-in");
        await Expect(_page.GetByText("Sign in as")).ToBeVisibleAsync();
        await Expect(_page.GetByText("demo-credentials.json")).ToBeVisibleAsync();

        await FillAsync(string.Empty, string.Empty);
        await Expect(_page.GetByText("Enter your e-mail address.")).ToBeVisibleAsync();
        await Expect(_page.GetByText("Enter your password.")).ToBeVisibleAsync();
    }

    private async Task FillAsync(string email, string password)
    {
        await _page.GetByLabel("E-mail").FillAsync(email);
        await _page.GetByLabel("Password", new() { Exact = true }).FillAsync(password);
        await _page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
    }
}
