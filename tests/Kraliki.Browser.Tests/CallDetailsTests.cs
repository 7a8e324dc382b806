using System.Text.RegularExpressions;
using Kraliki.Contracts;
using Kraliki.Server.Tests;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Kraliki.Browser.Tests;

/// <summary>Who leads a call, and what it costs, is seen wherever the call is.</summary>
[Collection(ConsoleFixture.OneAtATime)]
public sealed partial class CallDetailsTests(ConsoleFixture console)
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_practice_call_from_the_desk_is_answered_as_the_default_assistant_has_it()
    {
        var supervisor = await console.ApiAsync(Cancelled, RunningServer.Supervisor);
        var usual = (await supervisor.ListAssistantsAsync(cancellationToken: Cancelled)).Items.Single(assistant => assistant.IsDefault);
        var made = await supervisor.CreateAssistantAsync(new(new("Gemini first", "Be kind.", Providers: ["gemini", "local"])), Cancelled);
        await supervisor.MakeAssistantDefaultAsync(made.Id, Cancelled);
        try
        {
            var page = await console.OpenAsync("/");
            await page.GetByRole(AriaRole.Button, new() { Name = "Place a practice call" }).First.ClickAsync();
            var dialog = page.GetByRole(AriaRole.Dialog);
            await Expect(dialog.GetByLabel("As the assistant has it")).ToBeCheckedAsync();
            await dialog.GetByText("Says nothing").ClickAsync();
            await dialog.GetByRole(AriaRole.Button, new() { Name = "Start the call" }).ClickAsync();
            await Expect(page).ToHaveURLAsync(CallUrl());

            var id = Guid.Parse(page.Url.Split('/')[^1]);
            var operating = await console.ApiAsync(Cancelled);
            var session = await operating.GetSessionAsync(id, Cancelled);
            Assert.Equal((made.Id, 1, "gemini"), (session.Assistant, session.AssistantVersion, session.Provider));

            // A later version is not the one that leads this call.
            await supervisor.SaveAssistantAsync(made.Id, new(new("Renamed since", "Be kind.", Providers: ["gemini", "local"])), 1, Cancelled);
            await page.ReloadAsync();
            await Expect(page.Locator(".card")).ToContainTextAsync("Practice call · Gemini first, version 1");
            await Expect(page.GetByRole(AriaRole.Link, new() { Name = "Gemini first, version 1" })).ToHaveAttributeAsync("href", $"/assistants/{made.Id}");
            await Accessibility.CheckEverywhereAsync(page, "A call with its assistant");
            await operating.EndSessionAsync(id, cancellationToken: Cancelled);
            await page.GotoAsync($"/sessions/{id}");
            await Expect(page.Locator(".card")).ToContainTextAsync("Gemini first, version 1");
            await page.CloseAsync();
        }
        finally
        {
            await supervisor.MakeAssistantDefaultAsync(usual.Id, Cancelled);
            await supervisor.ArchiveAssistantAsync(made.Id, Cancelled);
        }
    }

    [Fact]
    public async Task What_a_call_costs_stands_beside_what_it_may()
    {
        var call = await StagedCall.OpenAsync(console, "+14155550187", costCap: 2);
        var page = await console.OpenAsync($"/calls/{call.Session}");
        var cost = page.GetByRole(AriaRole.Complementary, new() { Name = "Details" }).Locator("dl div").Filter(new() { HasText = "AI cost" });
        await Expect(cost).ToContainTextAsync("$0.00 of at most $2.00");
        call.Fact(new ProviderUsed([new ModelUsage("openai", "gpt-realtime") { TextInTokens = 20_000 }]));
        await Expect(cost).ToContainTextAsync(CostOfCap());
        await call.DisposeAsync();
        await Expect(page.Locator(".card .ended")).ToBeVisibleAsync();

        var session = await (await console.ApiAsync(Cancelled)).GetSessionAsync(call.Session, Cancelled);
        Assert.True(session.Cost is { Amount: > 0, Cap: 2 }, $"The session costs {session.Cost}.");
        await page.GotoAsync($"/sessions/{call.Session}");
        await Expect(cost).ToContainTextAsync(CostOfCap());
        await page.GotoAsync("/");
        await Expect(page.GetByRole(AriaRole.Link).Filter(new() { HasText = "+1 415 555 0187" })).ToContainTextAsync(Amount());
        await page.CloseAsync();
    }

    [GeneratedRegex("/calls/([0-9a-f-]{36})$")]
    private static partial Regex CallUrl();

    [GeneratedRegex(@"about \$0\.0\d+ of at most \$2\.00")]
    private static partial Regex CostOfCap();

    [GeneratedRegex(@"about \$0\.0\d+")]
    private static partial Regex Amount();
}
