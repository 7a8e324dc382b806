using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace Kraliki.Browser.Tests;

internal static class Accessibility
{
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
}
