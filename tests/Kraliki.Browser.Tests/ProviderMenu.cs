using System.Text.RegularExpressions;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Kraliki.Browser.Tests;

/// <summary>The parts of the desk that are about the call's provider.</summary>
internal sealed class ProviderMenu(IPage page)
{
    public ILocator Chip => page.Locator("#provider-button");

    public ILocator Panel => page.GetByRole(AriaRole.Group, new() { Name = "AI provider", Exact = true });

    public ILocator Notice => page.GetByRole(AriaRole.Group, new() { Name = "Change of AI provider" });

    /// <param name="title">As on the button, or what comes before its last word.</param>
    public ILocator Choice(string title) =>
        Panel.GetByRole(AriaRole.Listitem).GetByRole(AriaRole.Button).Filter(new() { Has = page.GetByText(new Regex($"^{Regex.Escape(title)}( \\(embedded\\)| Realtime)?$")) });

    public async Task OpenAsync()
    {
        await Chip.ClickAsync();
        await Expect(Panel).ToBeVisibleAsync();
    }
}
