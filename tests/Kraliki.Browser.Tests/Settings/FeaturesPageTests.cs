using Kraliki.Server.Tests;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Kraliki.Browser.Tests.Settings;

[Collection(ConsoleFixture.OneAtATime)]
public sealed class FeaturesPageTests(ConsoleFixture console)
{
    private const string Sentiment = "enable_sentiment_analysis";

    [Fact]
    public async Task An_administrator_switches_a_feature_off_and_back_to_the_default_by_keyboard()
    {
        var page = await console.OpenAsAsync(RunningServer.Admin, "/settings/features");
        var toggle = page.GetByRole(AriaRole.Switch, new() { Name = "Sentiment analysis" });
        var row = page.Locator(".flag").Filter(new() { Has = toggle });
        await Expect(toggle).ToBeCheckedAsync();
        await Expect(row.GetByText("Nobody has changed it.")).ToBeVisibleAsync();
        await Accessibility.CheckEverywhereAsync(page, "Features");

        await toggle.FocusAsync();
        await page.Keyboard.PressAsync("Space");
        await Expect(toggle).Not.ToBeCheckedAsync();
        await Expect(row.GetByText("Changed by admin@demo.example")).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Status).GetByText("Sentiment analysis is off.")).ToBeAttachedAsync();
        Assert.False(await EnabledAsync());

        await page.Keyboard.PressAsync("Tab");
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Back to default: Sentiment analysis" })).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("Enter");
        await Expect(toggle).ToBeCheckedAsync();
        await Expect(row.GetByText("Nobody has changed it.")).ToBeVisibleAsync();
        Assert.True(await EnabledAsync());
        await page.CloseAsync();
    }

    [Fact]
    public async Task Whoever_was_slower_sees_how_things_stand_and_decides_again()
    {
        var page = await console.OpenAsAsync(RunningServer.Admin, "/settings/features");
        var toggle = page.GetByRole(AriaRole.Switch, new() { Name = "Metrics" });
        await Expect(toggle).ToBeCheckedAsync();
        var api = await console.ApiAsync(TestContext.Current.CancellationToken, RunningServer.Admin);
        var flag = (await api.ListFlagsAsync(TestContext.Current.CancellationToken)).Single(flag => flag.Title == "Metrics");
        var off = await api.SetFlagAsync(flag.Name, false, flag.Version, TestContext.Current.CancellationToken);
        await api.SetFlagAsync(flag.Name, true, off.Version, TestContext.Current.CancellationToken);

        await toggle.ClickAsync();
        var conflict = page.GetByRole(AriaRole.Alert).Filter(new() { HasText = "Somebody else changed this meanwhile" });
        await Expect(conflict).ToContainTextAsync("Metrics is on.");
        await Accessibility.CheckAsync(page, "Conflict");
        await conflict.GetByRole(AriaRole.Button, new() { Name = "Switch off" }).ClickAsync();
        await Expect(toggle).Not.ToBeCheckedAsync();
        await Expect(conflict).ToHaveCountAsync(0);

        await page.GetByRole(AriaRole.Button, new() { Name = "Back to default: Metrics" }).ClickAsync();
        await Expect(toggle).ToBeCheckedAsync();
        await page.CloseAsync();
    }

    [Fact]
    public async Task A_supervisor_sees_the_features_and_cannot_switch_them()
    {
        var page = await console.OpenAsAsync(RunningServer.Supervisor, "/settings/features");
        var toggle = page.GetByRole(AriaRole.Switch, new() { Name = "Intent detection" });
        await Expect(toggle).ToHaveAttributeAsync("aria-disabled", "true");
        await Expect(page.GetByText("Only administrators change them.")).ToBeVisibleAsync();

        await toggle.DispatchEventAsync("click");
        await Expect(toggle).ToBeCheckedAsync();
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Back to default" })).ToHaveCountAsync(0);
        await page.CloseAsync();
    }

    [Fact]
    public async Task A_list_that_does_not_come_says_so_and_is_asked_for_again()
    {
        var page = await console.OpenAsAsync(RunningServer.Admin, "/settings/users");
        await page.RouteAsync("**/api/v1/flags", route => route.FulfillAsync(new()
        {
            Status = 500,
            ContentType = "application/problem+json",
            Body = """{"title":"Something went wrong","status":500,"detail":"The features are away.","code":"internal_error","request_id":"request-4711"}""",
        }));
        await page.GetByRole(AriaRole.Link, new() { Name = "Features" }).ClickAsync();
        var alert = page.GetByRole(AriaRole.Alert).Filter(new() { HasText = "The features are away." });
        await Expect(alert).ToContainTextAsync("request-4711");

        await page.UnrouteAsync("**/api/v1/flags");
        await alert.GetByRole(AriaRole.Button, new() { Name = "Try again" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Switch).First).ToBeVisibleAsync();
        await page.CloseAsync();
    }

    private async Task<bool> EnabledAsync()
    {
        var api = await console.ApiAsync(TestContext.Current.CancellationToken, RunningServer.Admin);
        return (await api.ListFlagsAsync(TestContext.Current.CancellationToken)).Single(flag => flag.Name == Sentiment).Enabled;
    }
}
