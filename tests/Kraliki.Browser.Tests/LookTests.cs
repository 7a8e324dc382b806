using Kraliki.Contracts;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Kraliki.Browser.Tests;

[Collection(ConsoleFixture.OneAtATime)]
public sealed class LookTests(ConsoleFixture console)
{
    [Fact]
    public async Task The_desk_is_accessible_in_both_themes_and_reports_no_error()
    {
        List<string> errors = [];
        var page = await console.SignedIn.NewPageAsync();
        page.Console += (_, message) =>
        {
            if (message.Type == "error")
            {
                errors.Add(message.Text);
            }
        };
        page.PageError += (_, error) => errors.Add(error);
        await page.GotoAsync("/");
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Place a practice call" }).First).ToBeVisibleAsync();

        await Accessibility.CheckAsync(page, "Live desk, light");
        await page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Dark });
        await Accessibility.CheckAsync(page, "Live desk, dark");
        Assert.Empty(errors);
        await page.CloseAsync();
    }

    [Fact]
    public async Task A_chosen_theme_outlives_a_reload()
    {
        var page = await console.OpenAsync("/");
        var root = page.Locator("html");
        await Expect(root).ToHaveAttributeAsync("data-theme", "light");

        await page.GetByRole(AriaRole.Button, new() { Name = "Switch to the dark theme" }).ClickAsync();
        await Expect(root).ToHaveAttributeAsync("data-theme", "dark");
        await page.ReloadAsync();
        await Expect(root).ToHaveAttributeAsync("data-theme", "dark");

        await page.EvaluateAsync("() => localStorage.clear()");
        await page.CloseAsync();
    }

    [Theory]
    [InlineData(390, 844)]
    [InlineData(320, 640)]
    [InlineData(900, 1100)]
    public async Task Nothing_is_cut_off_on_a_small_screen_and_the_call_bar_stays(int width, int height)
    {
        var api = await console.ApiAsync(TestContext.Current.CancellationToken);
        var session = await api.CreateSessionAsync(new CreateSession(PhoneNumber: "+14155550199"), TestContext.Current.CancellationToken);
        var page = await console.OpenAsync($"/calls/{session.Id}", width: width, height: height);
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "+1 415 555 0199" })).ToBeVisibleAsync();

        var end = page.GetByRole(AriaRole.Button, new() { Name = "End call" });
        await Expect(end).ToBeInViewportAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Details" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "About the call" })).ToBeInViewportAsync();
        var overflow = await page.EvaluateAsync<int>("() => document.documentElement.scrollWidth - innerWidth");
        Assert.True(overflow <= 0, $"The page is {overflow} px wider than a screen of {width} px.");
        await Accessibility.CheckAsync(page, $"Details at {width} px");

        await api.EndSessionAsync(session.Id, cancellationToken: TestContext.Current.CancellationToken);
        await page.CloseAsync();
    }

    [Fact]
    public async Task Shortcuts_are_explained_and_the_single_key_can_be_switched_off()
    {
        var page = await console.OpenAsync("/");
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Place a practice call" }).First).ToBeVisibleAsync();
        await Expect(page.Locator(".frame")).ToHaveAttributeAsync("aria-busy", "false");
        await page.Keyboard.PressAsync("Shift+?");
        var dialog = page.GetByRole(AriaRole.Dialog);
        await Expect(dialog).ToContainTextAsync("End the call");
        await Accessibility.CheckAsync(page, "Shortcuts");

        await dialog.GetByRole(AriaRole.Checkbox).UncheckAsync();
        await page.Keyboard.PressAsync("Escape");
        await Expect(dialog).ToHaveCountAsync(0);
        await page.Keyboard.PressAsync("Shift+?");
        await page.GetByRole(AriaRole.Button, new() { Name = "Keyboard shortcuts" }).ClickAsync();
        await Expect(dialog).ToHaveCountAsync(1);

        await page.EvaluateAsync("() => localStorage.clear()");
        await page.CloseAsync();
    }

    [Fact]
    public async Task A_broken_panel_leaves_the_rest_alone_and_is_reported()
    {
        // The practice report of this call does not exist, so its panel fails.
        var api = await console.ApiAsync(TestContext.Current.CancellationToken);
        var session = await api.CreateSessionAsync(
            new CreateSession(PhoneNumber: "+14155550198", Metadata: new Dictionary<string, string> { ["rehearsal"] = Guid.Empty.ToString() }),
            TestContext.Current.CancellationToken);
        var page = await console.SignedIn.NewPageAsync();
        var report = await page.RunAndWaitForRequestFinishedAsync(
            () => page.GotoAsync($"/calls/{session.Id}"),
            new() { Predicate = request => request.Url.EndsWith("/api/v1/error-reports", StringComparison.Ordinal), Timeout = 60_000 });

        Assert.Contains("practice report", report.PostData);
        Assert.True((await report.ResponseAsync())!.Ok, "The server did not take the error report.");
        await Expect(page.GetByText("This part of the page stopped working")).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "About the call" })).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "End call" })).ToBeEnabledAsync();

        await api.EndSessionAsync(session.Id, cancellationToken: TestContext.Current.CancellationToken);
        await page.CloseAsync();
    }

    [Fact]
    public async Task A_browser_without_network_says_so_and_recovers_by_itself()
    {
        var page = await console.OpenAsync("/");
        await Expect(page.GetByText("Connected", new() { Exact = true })).ToBeVisibleAsync();

        await console.SignedIn.SetOfflineAsync(true);
        await Expect(page.GetByText("Your browser is offline.")).ToBeVisibleAsync();

        await console.SignedIn.SetOfflineAsync(false);
        await Expect(page.GetByText("Your browser is offline.")).ToHaveCountAsync(0);
        await page.CloseAsync();
    }
}
