using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace Kraliki.Browser.Tests;

internal static class Accessibility
{
    /// <summary>Widths of a small and a usual phone, a tablet and a desk.</summary>
    private static readonly int[] Widths = [320, 390, 900, 1440];

    /// <summary>Fails with what axe finds serious or critical on the page as it is now.</summary>
    public static async Task CheckAsync(IPage page, string what)
    {
        var result = await page.RunAxe();
        var found = result.Violations
            .Where(violation => violation.Impact is "serious" or "critical")
            .SelectMany(violation => violation.Nodes.Select(node => $"{violation.Id} ({violation.Impact}): {violation.Help}\n    {node.Html}"))
            .ToList();
        Assert.True(found.Count == 0, $"{what}:\n{string.Join('\n', found)}");
    }

    /// <summary>Both themes, on a desk and on a phone; and nothing reaches over the edge at any width.</summary>
    public static async Task CheckEverywhereAsync(IPage page, string what)
    {
        foreach (var theme in new[] { ColorScheme.Dark, ColorScheme.Light })
        {
            await page.EmulateMediaAsync(new() { ColorScheme = theme });
            await CheckAsync(page, $"{what}, {theme}");
        }

        foreach (var width in Widths)
        {
            await page.SetViewportSizeAsync(width, 800);
            var over = await page.EvaluateAsync<int>("() => Math.max(...[document.documentElement, document.querySelector('main')].map(box => box.scrollWidth - box.clientWidth))");
            Assert.True(over <= 0, $"{what} reaches {over} px over the edge at {width} px.");
        }

        await page.SetViewportSizeAsync(320, 800);
        await CheckAsync(page, $"{what} at 320 px");
        await page.SetViewportSizeAsync(1440, 900);
    }
}
