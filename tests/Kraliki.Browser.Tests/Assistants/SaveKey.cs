using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Kraliki.Browser.Tests.Assistants;

internal static class SaveKey
{
    /// <summary>Presses Ctrl S once the page offers it: the script behind it may come later than the form.</summary>
    public static async Task SaveByKeyAsync(this IPage page)
    {
        await Expect(page.GetByText("Ctrl S", new() { Exact = true })).ToBeVisibleAsync();
        await page.Keyboard.PressAsync("Control+s");
    }
}
