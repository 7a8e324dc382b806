using Kraliki.Server.Tests;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Kraliki.Browser.Tests.Frame;

[Collection(ConsoleFixture.OneAtATime)]
public sealed class NavigationTests(ConsoleFixture console)
{
    [Fact]
    public async Task An_operator_is_not_offered_the_settings_and_told_so_at_their_address()
    {
        var page = await console.OpenAsync("/settings/users");
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Your role does not open this page" })).ToBeVisibleAsync();
        await Expect(page.GetByText("You are signed in as Operator.")).ToBeVisibleAsync();
        var nav = page.GetByRole(AriaRole.Navigation, new() { Name = "Main" });
        await Expect(nav.GetByRole(AriaRole.Link)).ToHaveTextAsync(["Live desk", "Assistants", "Mailbox"]);
        await Accessibility.CheckAsync(page, "Not allowed");

        await page.GotoAsync("/settings");
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Your role does not open this page" })).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Back to the live desk" }).ClickAsync();
        await Expect(nav.GetByRole(AriaRole.Link, new() { Name = "Live desk" })).ToHaveAttributeAsync("aria-current", "page");
        await page.CloseAsync();
    }

    [Fact]
    public async Task An_administrator_walks_through_the_settings_and_the_current_place_is_marked()
    {
        var page = await console.OpenAsAsync(RunningServer.Admin, "/");
        var nav = page.GetByRole(AriaRole.Navigation, new() { Name = "Main" });
        await nav.GetByRole(AriaRole.Link, new() { Name = "Settings" }).ClickAsync();
        await Expect(page).ToHaveURLAsync(new Uri(console.Server.Url, "settings/users").ToString());
        await Expect(nav.GetByRole(AriaRole.Link, new() { Name = "Settings" })).ToHaveAttributeAsync("aria-current", "true");
        await Expect(nav.GetByRole(AriaRole.Link, new() { Name = "Live desk" })).Not.ToHaveAttributeAsync("aria-current", "page");

        var parts = page.GetByRole(AriaRole.Navigation, new() { Name = "Settings" });
        await Expect(parts.GetByRole(AriaRole.Link)).ToHaveTextAsync(["Users", "Features", "AI providers", "Audit log", "API reference"]);
        foreach (var title in new[] { "Features", "AI providers", "Audit log", "Users" })
        {
            await parts.GetByRole(AriaRole.Link, new() { Name = title }).ClickAsync();
            await Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1, Name = title })).ToBeFocusedAsync();
            await Expect(parts.GetByRole(AriaRole.Link, new() { Name = title })).ToHaveAttributeAsync("aria-current", "page");
        }

        await page.CloseAsync();
    }

    [Fact]
    public async Task On_a_phone_the_places_are_in_a_menu_that_the_keyboard_opens()
    {
        var page = await console.OpenAsAsync(RunningServer.Supervisor, "/", width: 320, height: 640);
        await Expect(page.Locator(".frame")).ToHaveAttributeAsync("aria-busy", "false");
        var nav = page.GetByRole(AriaRole.Navigation, new() { Name = "Main" });
        await Expect(nav).ToHaveCountAsync(0);

        await page.GetByRole(AriaRole.Button, new() { Name = "Menu" }).FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await Expect(nav.GetByRole(AriaRole.Link)).ToHaveTextAsync(["Live desk", "Assistants", "Settings", "Mailbox"]);
        await Accessibility.CheckAsync(page, "Menu at 320 px");
        await page.Keyboard.PressAsync("Tab");
        await page.Keyboard.PressAsync("Tab");
        await page.Keyboard.PressAsync("Tab");
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1, Name = "Users" })).ToBeVisibleAsync();
        await Expect(nav).ToHaveCountAsync(0);
        var parts = page.GetByRole(AriaRole.Navigation, new() { Name = "Settings" });
        await Expect(parts.GetByRole(AriaRole.Link)).ToHaveTextAsync(["Users", "Features", "API reference"]);
        await page.CloseAsync();
    }
}
