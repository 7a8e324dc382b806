using System.Collections.Concurrent;
using Microsoft.Playwright;

namespace Kraliki.Browser.Tests;

/// <summary>What the browser itself says about our policy, which no reading of headers can tell.</summary>
[Collection(ConsoleFixture.OneAtATime)]
public sealed class ContentPolicyTests(ConsoleFixture console)
{
    [Theory]
    [InlineData("/", "h1")]
    [InlineData("/sign-in", "h1")]
    [InlineData("/docs/", "h1")]
    public async Task No_page_of_ours_breaks_the_policy(string path, string shown)
    {
        ConcurrentQueue<string> violations = new();
        var page = await console.SignedIn.NewPageAsync();
        page.Console += (_, message) => Keep(message.Text);
        page.PageError += (_, error) => Keep(error);
        await page.AddInitScriptAsync("addEventListener('securitypolicyviolation', e => console.error(`Content Security Policy: ${e.violatedDirective} ${e.blockedURI} ${e.sample}`))");
        await page.GotoAsync(path);
        await page.Locator(shown).First.WaitForAsync(new() { State = WaitForSelectorState.Visible });
        await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
        await page.CloseAsync();
        Assert.Empty(violations);

        void Keep(string text)
        {
            // The reference page's package tries whether it may compile text, and does without when it may not.
            var probe = path == "/docs/" && text.Contains("script-src eval", StringComparison.Ordinal);
            if (!probe && text.Contains("Content Security Policy", StringComparison.OrdinalIgnoreCase))
            {
                violations.Enqueue(text);
            }
        }
    }
}
