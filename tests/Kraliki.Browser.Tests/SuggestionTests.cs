using System.Net.Http.Json;
using Kraliki.Contracts;
using Kraliki.Server.Sessions.Calls;
using Kraliki.Server.Tests;
using Kraliki.Voice.Calls;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Kraliki.Browser.Tests;

[Collection(ConsoleFixture.OneAtATime)]
public sealed class SuggestionTests(ConsoleFixture console)
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_is_found_out_about_a_call_stands_beside_it_and_goes_when_it_is_switched_off()
    {
        var api = await console.ApiAsync(Cancelled);
        var session = await api.CreateSessionAsync(new CreateSession(Provider: "local", PhoneNumber: "+14155550177"), Cancelled);
        var call = await console.Server.Services.GetRequiredService<LiveCalls>().AttachAsync(session.Id, Cancelled);
        ICallSink line = call!;
        var told = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        call!.Bind(
            command =>
            {
                if (command is InstructProvider instruction)
                {
                    told.TrySetResult(instruction.Text);
                }
            },
            _ => { });
        line.Fact(new CarrierConnected("twilio", "CA1", "MZ1"));
        line.Fact(new ProviderConnected("local", null, "p1", 12));
        var page = await console.OpenAsync($"/calls/{session.Id}");
        var suggestions = page.GetByRole(AriaRole.Region, new() { Name = "Suggestions" });
        await Expect(suggestions).ToContainTextAsync("appear here while the caller speaks");

        // Beside the words: the mood and what is wanted. On the right: what to do.
        line.Fact(new TurnFinished("c1", LegRole.Caller, "this is terrible, can i speak to a real person please", 100, 2000));
        var row = page.GetByRole(AriaRole.Log).Locator("[data-speaker=caller]");
        await Expect(row.GetByText("Unhappy")).ToBeVisibleAsync();
        await Expect(row.GetByText("Human wanted")).ToBeVisibleAsync();
        await Expect(suggestions).ToContainTextAsync("The customer asks for a person.");
        await Accessibility.CheckAsync(page, "Suggestions, light");
        await page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Dark });
        await Accessibility.CheckAsync(page, "Suggestions, dark");

        // By keyboard: the card goes, the focus stays in the panel.
        await suggestions.GetByRole(AriaRole.Button, new() { Name = "Dismiss" }).FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await Expect(suggestions.GetByRole(AriaRole.Listitem)).ToHaveCountAsync(0);
        await Expect(suggestions.GetByRole(AriaRole.Heading)).ToBeFocusedAsync();

        // An accepted reply reaches the assistant.
        line.Fact(new TurnFinished("c2", LegRole.Caller, "i want to cancel my trip", 3000, 4000));
        await suggestions.GetByRole(AriaRole.Button, new() { Name = "Tell the assistant" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Log).Locator("[data-speaker=operator]")).ToContainTextAsync("Before you cancel");
        Assert.StartsWith("Before you cancel", await told.Task.WaitAsync(TimeSpan.FromSeconds(5), Cancelled));
        await Expect(suggestions.GetByRole(AriaRole.Listitem)).ToHaveCountAsync(0);

        // Switched off: gone from the open page, without a reload.
        using var admin = await console.Server.SignInAsync(Cancelled, RunningServer.Admin);
        string[] flags = ["enable_suggestion_panels", "enable_sentiment_analysis", "enable_intent_detection"];
        await SwitchAsync(admin, flags, enabled: false);
        await Expect(suggestions).ToHaveCountAsync(0, new() { Timeout = 5_000 });
        await Expect(row.GetByText("Unhappy")).ToHaveCountAsync(0);
        await Expect(row.GetByText("Human wanted")).ToHaveCountAsync(0);
        await SwitchAsync(admin, flags, enabled: null);
        await Expect(suggestions).ToBeVisibleAsync();
        await Expect(row.GetByText("Unhappy")).ToBeVisibleAsync();

        await call.CompleteAsync(new CallOutcome(EndReason.CallerHungUp, "Test."));
        await call.DisposeAsync();
        await Expect(page.Locator(".card .ended")).ToBeVisibleAsync();
        await Expect(suggestions).ToHaveCountAsync(0);
        await page.CloseAsync();
    }

    private static async Task SwitchAsync(HttpClient admin, string[] flags, bool? enabled)
    {
        foreach (var flag in flags)
        {
            using var body = JsonContent.Create(new UpdateFlag(enabled), ContractsJson.Default.UpdateFlag);
            using var request = new HttpRequestMessage(HttpMethod.Patch, $"api/v1/flags/{flag}") { Content = body };
            request.Headers.TryAddWithoutValidation("If-Match", "*");
            using var answer = await admin.SendAsync(request, Cancelled);
            answer.EnsureSuccessStatusCode();
        }
    }
}
