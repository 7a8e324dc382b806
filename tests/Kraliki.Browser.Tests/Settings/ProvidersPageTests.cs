using System.Text.RegularExpressions;
using Kraliki.Contracts;
using Kraliki.Server.Providers;
using Kraliki.Server.Tests;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Kraliki.Browser.Tests.Settings;

[Collection(ConsoleFixture.OneAtATime)]
public sealed class ProvidersPageTests(ConsoleFixture console)
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_administrator_tests_a_provider_by_a_real_call_to_it()
    {
        var page = await console.OpenAsAsync(RunningServer.Admin, "/settings/providers");
        var card = Card(page, "OpenAI Realtime");
        await Expect(card).ToContainTextAsync("Simulated");
        await Expect(card).ToContainTextAsync("speech to speech");
        await Accessibility.CheckEverywhereAsync(page, "AI providers");

        await card.GetByRole(AriaRole.Button, new() { Name = "Test now: OpenAI Realtime" }).FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await Expect(card.GetByRole(AriaRole.Status)).ToContainTextAsync("A real connection hears a question");
        await Expect(card.GetByRole(AriaRole.Progressbar)).ToBeVisibleAsync();
        await Expect(card.GetByRole(AriaRole.Status)).ToContainTextAsync(new Regex(@"Passed: connected in [\d.]+ m?s, answered after [\d.]+ m?s\."));
        await Expect(card.Locator("dd").Filter(new() { HasText = "Passed: connected in" })).ToBeVisibleAsync();
        await Accessibility.CheckEverywhereAsync(page, "A passed test");
        await page.CloseAsync();
    }

    [Fact]
    public async Task A_provider_that_rests_is_seen_and_gets_calls_again_after_a_question()
    {
        var local = console.Server.Services.GetRequiredService<VoiceProviders>().Find("local")!;
        var breakers = console.Server.Services.GetRequiredService<Breakers>();
        var page = await console.OpenAsAsync(RunningServer.Admin, "/settings/providers");
        var card = Card(page, "Local (embedded)");
        await Expect(card).ToContainTextAsync("Well");

        // The open page finds out by itself.
        try
        {
            breakers.Failed(local, ProviderFailure.Unauthorized, "No such key.");
            await Expect(card).ToContainTextAsync("Resting");
            await Expect(card).ToContainTextAsync("No such key.");
            await Expect(page.GetByRole(AriaRole.Region, new() { Name = "Changes of state" })).ToContainTextAsync("It refuses the key: No such key.");
            await Accessibility.CheckEverywhereAsync(page, "A provider that rests");

            await card.GetByRole(AriaRole.Button, new() { Name = "Give it calls again" }).ClickAsync();
            var question = card.GetByRole(AriaRole.Group, new() { Name = "Give it calls again" });
            await Expect(question).ToContainTextAsync("Customers' calls go to Local (embedded) at once");
            await question.GetByRole(AriaRole.Button, new() { Name = "Give it calls again" }).ClickAsync();
            await Expect(card).ToContainTextAsync("Local (embedded) gets calls again.");
            await Expect(card).ToContainTextAsync("Well");
            Assert.True(breakers.Allows(local));
        }
        finally
        {
            await breakers.ResetAsync(local, RunningServer.Admin, Cancelled);
        }

        await Expect(page.GetByRole(AriaRole.Region, new() { Name = "Changes of state" })).ToContainTextAsync($"by {RunningServer.Admin}");
        await page.CloseAsync();
    }

    [Fact]
    public async Task Each_key_gets_a_plain_verdict()
    {
        var page = await console.OpenAsAsync(RunningServer.Admin, "/settings/providers");
        var report = new KeysReport(false,
        [
            new("Kraliki:Providers:OpenAI:ApiKey", "OpenAI", KeyVerdict.Valid, "The key is accepted."),
            new("Kraliki:Providers:Gemini:ApiKey", "Gemini", KeyVerdict.Refused, "It is not accepted; copy it again from the vendor's page."),
            new("Kraliki:Providers:Deepgram:ApiKey", "Deepgram", KeyVerdict.WrongModel, "There is no nova-9 for it."),
            new("Kraliki:Providers:Llm:ApiKey", "Language model", KeyVerdict.Unreachable, "llm.example cannot be reached."),
            new("Kraliki:Carriers:Twilio:AuthToken", "Twilio", KeyVerdict.Untested, "It is not configured."),
        ]);
        await page.RouteAsync("**/api/v1/providers/validate-config", route => route.FulfillAsync(new()
        {
            ContentType = "application/json",
            Body = System.Text.Json.JsonSerializer.Serialize(report, ContractsJson.Default.KeysReport),
        }));
        var keys = page.GetByRole(AriaRole.Region, new() { Name = "Do the keys work?" });
        await keys.GetByRole(AriaRole.Button, new() { Name = "Check the keys" }).ClickAsync();
        await Expect(keys).ToContainTextAsync("Something that is configured does not work:");
        await Expect(keys.GetByRole(AriaRole.Listitem).Locator(".chip")).ToHaveTextAsync(["Valid", "Refused", "Wrong model", "Unreachable", "Not tested"]);
        await Accessibility.CheckEverywhereAsync(page, "Verdicts of keys");
        await page.CloseAsync();
    }

    [Fact]
    public async Task A_test_that_is_refused_and_a_list_that_does_not_come_say_so()
    {
        var page = await console.OpenAsAsync(RunningServer.Admin, "/settings/users");
        await page.RouteAsync("**/api/v1/providers", Refuse);
        await page.GetByRole(AriaRole.Link, new() { Name = "AI providers" }).ClickAsync();
        var alert = page.GetByRole(AriaRole.Alert).Filter(new() { HasText = "Away for a moment." });
        await Expect(alert).ToContainTextAsync("request-4711");
        await alert.GetByRole(AriaRole.Button, new() { Name = "Try again" }).ClickAsync();
        await Expect(alert).ToBeVisibleAsync();
        await page.UnrouteAllAsync();
        var card = Card(page, "OpenAI Realtime");
        await Expect(card).ToBeVisibleAsync();

        await page.RouteAsync("**/api/v1/providers/openai/probe", Refuse);
        await card.GetByRole(AriaRole.Button, new() { Name = "Test now" }).ClickAsync();
        await Expect(card.GetByRole(AriaRole.Alert)).ToContainTextAsync("Away for a moment.");
        await page.CloseAsync();
    }

    private static Task Refuse(IRoute route) => route.FulfillAsync(new()
    {
        Status = 500,
        ContentType = "application/problem+json",
        Body = """{"title":"Something went wrong","status":500,"detail":"Away for a moment.","code":"internal_error","request_id":"request-4711"}""",
    });

    private static ILocator Card(IPage page, string title) => page.GetByRole(AriaRole.Region, new() { Name = title });
}
