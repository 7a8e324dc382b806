using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Kraliki.Browser.Tests.Assistants;

internal static class SaveKey
{
    /// <summary>Presses Ctrl S as soon as the page says that it may be: what was typed before it has come up is no less typed.</summary>
    public static async Task SaveByKeyAsync(this IPage page)
    {
        await Expect(page.GetByText("Ctrl S", new() { Exact = true })).ToBeVisibleAsync();
        await page.Keyboard.PressAsync("Control+s");
    }
}
