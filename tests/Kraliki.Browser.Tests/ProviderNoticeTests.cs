using Kraliki.Contracts;
using Kraliki.Server.Providers;
using Kraliki.Server.Tests;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Kraliki.Browser.Tests;

/// <summary>What the desk says about a call's provider is the newest there is to say, whichever of question, answer and fact comes first.</summary>
[Collection(ConsoleFixture.OneAtATime)]
public sealed class ProviderNoticeTests(ConsoleFixture console)
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_refused_switch_covers_nothing_that_happens_after_it()
    {
        await using var call = await StagedCall.OpenAsync(console, "+14155550181");
        var page = await console.OpenAsync($"/calls/{call.Session}");
        var provider = new ProviderMenu(page);
        await page.RouteAsync(SwitchOf(call), Refuse);
        await provider.OpenAsync();
        await provider.Choice("OpenAI").ClickAsync();
        await Expect(provider.Notice).ToContainTextAsync("The call was not switched. Calls are kept from OpenAI Realtime at present.");

        call.Fact(new ProviderFailed("local", ProviderFailure.Stalled, "local said nothing for 8 seconds although it was its turn."));
        await Expect(provider.Notice).ToContainTextAsync("Local assistant stopped answering. Another provider is taking over…");
        await Expect(provider.Notice.GetByRole(AriaRole.Button, new() { Name = "Try it all the same" })).ToHaveCountAsync(0);
        call.Fact(new ProviderConnected("gemini", null, "p2", 90));
        call.Fact(new ProviderSwitched("local", "gemini", SwitchCause.Failover, "local said nothing.", "server", 412, 0, 0, 0));
        await Expect(provider.Notice).ToContainTextAsync("Continued on Gemini after 412 ms");

        // Put away, it uncovers what it had covered.
        await provider.OpenAsync();
        await provider.Choice("OpenAI").ClickAsync();
        await Expect(provider.Notice).ToContainTextAsync("The call was not switched.");
        await provider.Notice.GetByRole(AriaRole.Button, new() { Name = "Dismiss" }).ClickAsync();
        await Expect(provider.Notice).ToContainTextAsync("Continued on Gemini after 412 ms");
        await page.CloseAsync();
    }

    [Fact]
    public async Task A_refusal_that_comes_after_the_switch_does_not_deny_it()
    {
        await using var call = await StagedCall.OpenAsync(console, "+14155550182");
        var page = await console.OpenAsync($"/calls/{call.Session}");
        var provider = new ProviderMenu(page);
        var answer = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await page.RouteAsync(SwitchOf(call), async route =>
        {
            await answer.Task;
            await Refuse(route);
        });
        await provider.OpenAsync();
        await provider.Choice("OpenAI").ClickAsync();
        await Expect(provider.Notice).ToContainTextAsync("Switching to OpenAI at the next pause.");
        call.Fact(new ProviderSwitched("local", "openai", SwitchCause.Requested, "", RunningServer.Operator, 900, 0, 0, 0));
        await Expect(provider.Notice).ToContainTextAsync("Switched from Local assistant to OpenAI");

        await page.RunAndWaitForResponseAsync(() => Task.FromResult(answer.TrySetResult()), response => response.Url.EndsWith("/switch-provider", StringComparison.Ordinal));

        // What is shown after one more event has come is shown after the refusal.
        call.Fact(new TurnFinished("a1", LegRole.Ai, "Good morning.", 0, 900));
        await Expect(page.GetByRole(AriaRole.Log)).ToContainTextAsync("Good morning.");
        await Expect(provider.Notice).ToContainTextAsync("Switched from Local assistant to OpenAI");
        await page.CloseAsync();
    }

    [Fact]
    public async Task Without_an_answer_nobody_claims_to_know_what_became_of_the_switch()
    {
        await using var call = await StagedCall.OpenAsync(console, "+14155550183");
        var page = await console.OpenAsync($"/calls/{call.Session}");
        var provider = new ProviderMenu(page);
        await page.RouteAsync(SwitchOf(call), route => route.AbortAsync());
        await provider.OpenAsync();
        await provider.Choice("OpenAI").ClickAsync();
        await Expect(provider.Notice).ToContainTextAsync("it is not known whether the call is being switched");
        await Expect(provider.Notice).Not.ToContainTextAsync("was not switched");
        await Accessibility.CheckAsync(page, "No answer to a switch");

        call.Fact(new ProviderSwitched("local", "openai", SwitchCause.Requested, "", RunningServer.Operator, 900, 0, 0, 0));
        await Expect(provider.Notice).ToContainTextAsync("Switched from Local assistant to OpenAI");
        await page.CloseAsync();
    }

    [Fact]
    public async Task The_open_menu_keeps_up_with_the_providers_and_lets_nobody_choose_by_what_may_be_old()
    {
        var openAI = console.Server.Services.GetRequiredService<VoiceProviders>().Find("openai")!;
        var breakers = console.Server.Services.GetRequiredService<Breakers>();
        await using var call = await StagedCall.OpenAsync(console, "+14155550184");
        var page = await console.OpenAsync($"/calls/{call.Session}");
        var provider = new ProviderMenu(page);
        var question = provider.Panel.GetByText("Calls are kept from OpenAI Realtime at present");
        await provider.OpenAsync();
        await Expect(provider.Choice("OpenAI")).ToContainTextAsync("Well");
        try
        {
            breakers.Failed(openAI, ProviderFailure.Unauthorized, "The key was refused.");
            await Expect(provider.Choice("OpenAI")).ToContainTextAsync("Resting");
            await provider.Choice("OpenAI").ClickAsync();
            await Expect(question).ToBeVisibleAsync();

            // Nobody is asked about a provider that is well again, nor by a menu that was opened anew.
            await breakers.ResetAsync(openAI, RunningServer.Admin, Cancelled);
            await Expect(question).ToHaveCountAsync(0);
            await Expect(provider.Choice("OpenAI")).ToContainTextAsync("Well");
            breakers.Failed(openAI, ProviderFailure.Unauthorized, "The key was refused.");
            await Expect(provider.Choice("OpenAI")).ToContainTextAsync("Resting");
            await provider.Choice("OpenAI").ClickAsync();
            await Expect(question).ToBeVisibleAsync();
            await page.Keyboard.PressAsync("Escape");
            await Expect(provider.Panel).ToBeHiddenAsync();
            await provider.OpenAsync();
            await Expect(provider.Choice("OpenAI")).ToContainTextAsync("Resting");
            await Expect(question).ToHaveCountAsync(0);
        }
        finally
        {
            await breakers.ResetAsync(openAI, RunningServer.Admin, Cancelled);
        }

        await page.RouteAsync("**/api/v1/providers", Refuse);
        await Expect(provider.Panel).ToContainTextAsync("What is shown may be old.");
        await Expect(provider.Choice("OpenAI")).ToHaveAttributeAsync("aria-disabled", "true");
        await Accessibility.CheckEverywhereAsync(page, "A provider menu that may be old");
        await page.UnrouteAllAsync();
        await Expect(provider.Choice("OpenAI")).Not.ToHaveAttributeAsync("aria-disabled", "true");
        await Expect(provider.Panel).Not.ToContainTextAsync("What is shown may be old.");
        await page.CloseAsync();
    }

    private static string SwitchOf(StagedCall call) => $"**/api/v1/sessions/{call.Session}/switch-provider";

    private static Task Refuse(IRoute route) => route.FulfillAsync(new()
    {
        Status = 409,
        ContentType = "application/problem+json",
        Body = """{"title":"Conflict","status":409,"detail":"Calls are kept from OpenAI Realtime at present.","code":"provider_unhealthy"}""",
    });
}
