using Kraliki.Client;
using Kraliki.Contracts;
using Kraliki.Server.Sessions.Calls;
using Kraliki.Server.Tests;
using Kraliki.Voice.Calls;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Kraliki.Browser.Tests;

/// <summary>Somebody else works at the same call; here it is the supervisor, over the API.</summary>
[Collection(ConsoleFixture.OneAtATime)]
public sealed class ConcurrentOperatorsTests(ConsoleFixture console)
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Whoever_ends_a_call_that_somebody_else_has_changed_sees_by_whom_and_decides_again()
    {
        using var supervisor = await console.ApiAsync(Cancelled, RunningServer.Supervisor);
        var (session, _) = await StartCallAsync(supervisor, "+14155550181");
        var page = await console.OpenAsync($"/calls/{session}");
        var end = page.GetByRole(AriaRole.Button, new() { Name = "End call" });
        await Expect(page.GetByText("Live", new() { Exact = true }).First).ToBeVisibleAsync();

        // The other one is faster: the page hears of it only after the click.
        await page.RouteAsync($"**/api/v1/sessions/{session}/end", async route =>
        {
            await supervisor.UpdateSessionAsync(session, new(SessionState.OnHold), cancellationToken: Cancelled);
            await page.UnrouteAllAsync();
            await route.ContinueAsync();
        });
        await end.ClickAsync();
        var conflict = page.GetByRole(AriaRole.Alert).Filter(new() { HasText = "Somebody else changed this meanwhile" });
        await Expect(conflict).ToContainTextAsync($"The call is now “On hold”, by {RunningServer.Supervisor}.");
        await Accessibility.CheckAsync(page, "Conflict at a call");
        Assert.Equal(SessionState.OnHold, (await supervisor.GetSessionAsync(session, Cancelled)).State);

        await conflict.GetByRole(AriaRole.Button, new() { Name = "End call" }).ClickAsync();
        await Expect(conflict).ToHaveCountAsync(0);
        await Expect(page.GetByText("An operator ended the call.").First).ToBeVisibleAsync();
        Assert.Equal(EndReason.OperatorEnded, (await supervisor.GetSessionAsync(session, Cancelled)).EndReason);
        await page.CloseAsync();
    }

    [Fact]
    public async Task Who_holds_the_microphone_is_shown_and_it_is_taken_over_by_a_second_decision()
    {
        using var supervisor = await console.ApiAsync(Cancelled, RunningServer.Supervisor);
        using var operatorsOtherTab = await console.ApiAsync(Cancelled);
        var (session, line) = await StartCallAsync(supervisor, "+14155550182");
        var page = await console.OpenAsync($"/calls/{session}");
        var microphone = page.GetByRole(AriaRole.Group, new() { Name = "Microphone" });
        await Expect(page.GetByText("Live", new() { Exact = true }).First).ToBeVisibleAsync();

        // Nobody can speak yet, so a free one is not offered.
        await Expect(microphone.GetByRole(AriaRole.Button)).ToHaveCountAsync(0);

        await using var tab = await OpenTab.OpenAsync(supervisor, session, "tab-9");
        await supervisor.TakeMicrophoneAsync(session, "tab-9", Cancelled);
        await Expect(microphone).ToContainTextAsync($"{RunningServer.Supervisor} holds the microphone.");
        await microphone.GetByRole(AriaRole.Button, new() { Name = "Take over here" }).FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await Expect(microphone).ToContainTextAsync("will not be heard any more");
        await Accessibility.CheckEverywhereAsync(page, "Microphone of somebody else");
        await microphone.GetByRole(AriaRole.Button, new() { Name = "Take it from them" }).ClickAsync();
        await Expect(microphone).ToContainTextAsync("You hold the microphone in this tab.");
        await Expect(page.GetByRole(AriaRole.Log)).ToContainTextAsync($"{RunningServer.Operator} took the microphone over from {RunningServer.Supervisor}");

        await microphone.GetByRole(AriaRole.Button, new() { Name = "Give back" }).ClickAsync();
        await Expect(microphone.GetByRole(AriaRole.Button)).ToHaveCountAsync(0);
        Assert.Null((await supervisor.GetSessionAsync(session, Cancelled)).Microphone);

        // One's own other tab needs no second question.
        await operatorsOtherTab.TakeMicrophoneAsync(session, "tab-other", Cancelled);
        await Expect(microphone).ToContainTextAsync("You hold the microphone in another tab.");
        await microphone.GetByRole(AriaRole.Button, new() { Name = "Take over here" }).ClickAsync();
        await Expect(microphone).ToContainTextAsync("You hold the microphone in this tab.");

        line.Fact(new MediaEnded(EndReason.CallerHungUp, "The caller hung up.", 1, 1, 0, []));
        await supervisor.EndSessionAsync(session, cancellationToken: Cancelled);
        await Expect(microphone).Not.ToContainTextAsync("You hold");
        await page.CloseAsync();
    }

    [Fact]
    public async Task A_viewer_sees_who_holds_the_microphone_and_takes_nothing()
    {
        using var supervisor = await console.ApiAsync(Cancelled, RunningServer.Supervisor);
        await console.AddMemberAsync("Vera Viewer", UserRole.Viewer, Cancelled);
        var (session, _) = await StartCallAsync(supervisor, "+14155550183");
        await using var tab = await OpenTab.OpenAsync(supervisor, session, "tab-9");
        await supervisor.TakeMicrophoneAsync(session, "tab-9", Cancelled);

        var context = await console.NewContextAsync();
        await console.SignInAsync(context, "vera.viewer@example.org", "a quiet hare in tall grass");
        var page = await context.NewPageAsync();
        await page.GotoAsync($"/calls/{session}");
        var microphone = page.GetByRole(AriaRole.Group, new() { Name = "Microphone" });
        await Expect(microphone).ToContainTextAsync($"{RunningServer.Supervisor} holds the microphone.");
        await Expect(microphone.GetByRole(AriaRole.Button)).ToHaveCountAsync(0);
        await supervisor.EndSessionAsync(session, cancellationToken: Cancelled);
        await context.CloseAsync();
    }

    private async Task<(Guid Session, ICallSink Line)> StartCallAsync(KralikiClient api, string number)
    {
        var session = await api.CreateSessionAsync(new CreateSession(Provider: "local", PhoneNumber: number), Cancelled);
        var call = await console.Server.Services.GetRequiredService<LiveCalls>().AttachAsync(session.Id, Cancelled);
        call!.Bind(_ => { }, _ => { });
        ICallSink line = call;
        line.Fact(new CarrierConnected("twilio", "CA1", "MZ1"));
        line.Fact(new ProviderConnected("local", null, "p1", 12));
        return (session.Id, line);
    }

    /// <summary>Another browser tab: as long as it is open, the server leaves it its microphone.</summary>
    private sealed class OpenTab : IAsyncDisposable
    {
        private readonly CancellationTokenSource _closing = new();
        private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private Task _reading = Task.CompletedTask;

        public static async Task<OpenTab> OpenAsync(KralikiClient api, Guid session, string clientId)
        {
            var tab = new OpenTab();
            tab._reading = tab.ReadAsync(api.OpenSocket(await api.GetSessionAsync(session, Cancelled), options: new() { ClientId = clientId }));
            await tab._ready.Task.WaitAsync(TimeSpan.FromSeconds(20), Cancelled);
            return tab;
        }

        public async ValueTask DisposeAsync()
        {
            await _closing.CancelAsync();
            await _reading;
            _closing.Dispose();
        }

        private async Task ReadAsync(SessionSocket socket)
        {
            await using var _ = socket;
            try
            {
                await foreach (var message in socket.ReadAsync(_closing.Token))
                {
                    if (message is Ready)
                    {
                        _ready.TrySetResult();
                    }
                }
            }
            catch (OperationCanceledException) when (_closing.IsCancellationRequested)
            {
            }
        }
    }
}
