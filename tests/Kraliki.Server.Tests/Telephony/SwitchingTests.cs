using System.Text.Json;
using Kraliki.Client;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Operations;
using Kraliki.Simulators.OpenAI;
using Kraliki.Voice.Calls;
using Kraliki.Voice.Providers;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Kraliki.Server.Tests.Telephony;

/// <summary>Operators decide who has a call, and who takes over; the assistant has things done.</summary>
public sealed class SwitchingTests(SwitchingTests.Shared shared) : IClassFixture<SwitchingTests.Shared>
{
    private readonly TelephonyServer _server = shared.Server;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_operator_switches_there_and_back_and_what_was_said_goes_along()
    {
        using var carrier = _server.Carrier();
        var (stream, session) = await _server.TalkAsync(carrier, Cancelled);
        await using var _ = stream;
        using var api = await _server.Sessions.SignInAsync(Cancelled);
        await stream.SpeakAsync(Cancelled);
        await _server.UntilAnsweredAsync(session, Cancelled);

        var until = await api.SwitchProviderAsync(session, new SwitchSessionProvider("local", "The voice breaks up."), Cancelled);
        Assert.Equal(("openai", true, 0), (until.Provider, until.Live, until.Switches));
        var there = await SwitchedAsync(session, "local");
        Assert.Equal(("openai", SwitchCause.Requested, "The voice breaks up.", RunningServer.Operator), (there.From, there.Cause, there.Reason, there.By));
        Assert.True(there.Turns >= 2, $"It was told of {there.Turns} turns.");

        await api.SwitchProviderAsync(session, new SwitchSessionProvider("openai", "It is well again.", AtOnce: true), Cancelled);
        await SwitchedAsync(session, "openai");
        await stream.SpeakAsync(Cancelled);
        await _server.Sessions.UntilFactAsync<TurnFinished>(session, turn => turn.Speaker == LegRole.Ai && turn.EndMs > 1_500 && turn.Text == ScriptedOpenAI.AnswerWords, "the assistant did not answer", Cancelled);
        var told = _server.OpenAI.Asked[^1].Turns;
        Assert.Contains(told, turn => turn is { Role: MindRole.User, Text: ScriptedOpenAI.CallerWords });
        Assert.Contains(told, turn => turn is { Role: MindRole.Assistant, Text: ScriptedOpenAI.AnswerWords });

        Assert.Equal("openai", (await api.GetSessionAsync(session, Cancelled)).Provider);
        var history = await api.GetSwitchHistoryAsync(session, Cancelled);
        Assert.Equal(["local", "openai"], history.Items.Select(item => item.Data).OfType<ProviderSwitched>().Select(change => change.To));
        Assert.Equal((2, true), await api.GetSessionProviderAsync(session, Cancelled) is var now ? (now.Switches, now.Since > history.Items[0].At) : default);
        Assert.Equal(2, await AuditedAsync(session, AuditActions.ProviderSwitchRequested));
        await stream.HangUpAsync(carrier.CallSid, Cancelled);
        await _server.UntilAsync(session, SessionState.Completed, Cancelled);
    }

    [Fact]
    public async Task A_forced_failover_gives_the_call_to_the_next_one_of_the_policy()
    {
        using var carrier = _server.Carrier();
        var (stream, session) = await _server.TalkAsync(carrier, Cancelled);
        await using var _ = stream;
        using var api = await _server.Sessions.SignInAsync(Cancelled);

        await api.ForceFailoverAsync(session, "It talks nonsense.", Cancelled);

        var switched = await SwitchedAsync(session, "local");
        Assert.Equal(("It talks nonsense.", RunningServer.Operator), (switched.Reason, switched.By));
        Assert.Equal(1, await AuditedAsync(session, AuditActions.FailoverForced));
    }

    [Fact]
    public async Task What_cannot_be_switched_is_refused_with_the_reason()
    {
        using var api = await _server.Sessions.SignInAsync(Cancelled);
        var unused = await api.CreateSessionAsync(new(), Cancelled);
        Assert.Equal("no_call", await RefusalAsync(api.SwitchProviderAsync(unused.Id, new("local", "Why not."), Cancelled)));
        Assert.Equal("no_call", await RefusalAsync(api.ForceFailoverAsync(unused.Id, cancellationToken: Cancelled)));
        Assert.Equal("validation_failed", await RefusalAsync(api.SwitchProviderAsync(unused.Id, new("hal", "Why not."), Cancelled)));
        Assert.Equal("validation_failed", await RefusalAsync(api.SwitchProviderAsync(unused.Id, new("local", " "), Cancelled)));
        Assert.Equal("not_found", await RefusalAsync(api.SwitchProviderAsync(Guid.CreateVersion7(), new("local", "Why not."), Cancelled)));

        using var carrier = _server.Carrier();
        var (stream, session) = await _server.TalkAsync(carrier, Cancelled);
        await using var _ = stream;
        Assert.Equal("same_provider", await RefusalAsync(api.SwitchProviderAsync(session, new("openai", "Why not."), Cancelled)));
        shared.Health.Sick = "local";
        try
        {
            Assert.Equal("provider_unhealthy", await RefusalAsync(api.SwitchProviderAsync(session, new("local", "Why not."), Cancelled)));
            Assert.Equal("no_other_provider", await RefusalAsync(api.ForceFailoverAsync(session, cancellationToken: Cancelled)));
            Assert.False(Assert.Single(await api.GetSessionProviderHealthAsync(session, Cancelled), provider => provider.Provider == "local").Healthy);
            await api.SwitchProviderAsync(session, new("local", "All the same.", Force: true), Cancelled);
            await SwitchedAsync(session, "local");
        }
        finally
        {
            shared.Health.Sick = null;
        }

        await stream.HangUpAsync(carrier.CallSid, Cancelled);
        await _server.UntilAsync(session, SessionState.Completed, Cancelled);
        Assert.Equal("session_over", await RefusalAsync(api.SwitchProviderAsync(session, new("openai", "Too late."), Cancelled)));
        Assert.Equal("session_over", await RefusalAsync(api.SetFailoverPolicyAsync(session, new(true, [], 5), await VersionAsync(api, session), Cancelled)));
    }

    [Fact]
    public async Task A_sessions_policy_is_the_installations_until_somebody_replaces_it()
    {
        using var api = await _server.Sessions.SignInAsync(Cancelled);
        var session = (await api.CreateSessionAsync(new(), Cancelled)).Id;
        var before = await api.GetFailoverPolicyAsync(session, Cancelled);
        Assert.Equal((true, 6), (before.Enabled, before.StallSeconds));
        Assert.Equal(["openai", "local"], before.Order);

        long version = await VersionAsync(api, session);
        await api.SetFailoverPolicyAsync(session, new(true, ["local", "openai"], 3), version, Cancelled);

        var after = await api.GetFailoverPolicyAsync(session, Cancelled);
        Assert.Equal(["local", "openai"], after.Order);
        Assert.Equal((true, 3), (after.Enabled, after.StallSeconds));
        Assert.Equal("version_conflict", await RefusalAsync(api.SetFailoverPolicyAsync(session, new(false, [], 3), version, Cancelled)));
        foreach (var impossible in new FailoverPolicy[] { new(true, [], 1), new(true, [], 31), new(true, ["hal"], 5), new(true, ["local", "local"], 5) })
        {
            Assert.Equal("validation_failed", await RefusalAsync(api.SetFailoverPolicyAsync(session, impossible, version + 1, Cancelled)));
        }

        Assert.Equal(RunningServer.Operator, Assert.Single(await _server.FactsAsync<FailoverPolicyChanged>(session, Cancelled)).By);
        Assert.Equal(1, await AuditedAsync(session, AuditActions.FailoverPolicyChanged));
    }

    [Fact]
    public async Task The_assistant_asks_what_time_it_is_where_the_session_is_and_notes_a_callback()
    {
        using var carrier = _server.Carrier();
        using var api = await _server.Sessions.SignInAsync(Cancelled);
        var session = (await api.CreateSessionAsync(new(Metadata: new Dictionary<string, string> { ["time_zone"] = "Asia/Kathmandu" }), Cancelled)).Id;
        var asked = new Queue<MindCall>([new("current_time", "{}"), new("request_callback", """{"when":"tomorrow at ten","note":"About the booking."}"""), new("request_callback", "broken")]);
        _server.OpenAI.Mind = input => input.Turns.Count > 0 && input.Turns[^1].Role != MindRole.Assistant && asked.TryDequeue(out var call) ? new MindReply("", call) : new MindReply("It is noted.");
        try
        {
            await using var stream = await carrier.TalkAsync(Cancelled, session);
            await _server.UntilAsync(session, SessionState.Active, Cancelled);
            await stream.SpeakAsync(Cancelled);
            await _server.Sessions.UntilFactAsync<ToolCalled>(session, tool => tool is { Arguments: "broken", Result: not null }, "the third tool gave no result", Cancelled);
            await _server.UntilSaidAsync(session, "It is noted.", Cancelled);
        }
        finally
        {
            _server.OpenAI.Mind = null;
        }

        var tools = await _server.FactsAsync<ToolCalled>(session, Cancelled);
        Assert.Equal([null, "current_time", null, "request_callback", null, "request_callback"], tools.Select(tool => tool.Result is null ? null : tool.Name));
        using var time = JsonDocument.Parse(tools[1].Result!);
        Assert.Equal("Asia/Kathmandu", time.RootElement.GetProperty("time_zone").GetString());
        Assert.Equal(
            TimeZoneInfo.ConvertTimeBySystemTimeZoneId(TimeProvider.System.GetUtcNow(), "Asia/Kathmandu").DayOfWeek.ToString(), time.RootElement.GetProperty("weekday").GetString());
        Assert.Equal(("tomorrow at ten", "About the booking."), Assert.Single(await _server.FactsAsync<CallbackRequested>(session, Cancelled)) is var noted ? (noted.When, noted.Note) : default);
        Assert.Contains("error", tools[5].Result, StringComparison.Ordinal);
    }

    private Task<ProviderSwitched> SwitchedAsync(Guid session, string to) =>
        _server.Sessions.UntilFactAsync<ProviderSwitched>(session, change => change.To == to, $"{to} did not get the call", Cancelled);

    private static async Task<string> RefusalAsync(Task asked) => (await Assert.ThrowsAsync<KralikiException>(() => asked)).Code!;

    private static async Task<long> VersionAsync(KralikiClient api, Guid session) => (await api.GetSessionAsync(session, Cancelled)).Version;

    private async Task<int> AuditedAsync(Guid session, string action)
    {
        await using var db = _server.Sessions.Get<KralikiDbFactory>().OpenForSystem();
        return await db.Set<AuditEntry>().AsNoTracking().CountAsync(entry => entry.Action == action && entry.Subject == session.ToString(), Cancelled);
    }

    public sealed class Shared : IAsyncLifetime
    {
        internal TelephonyServer Server { get; private set; } = null!;

        internal Doctor Health { get; } = new();

        public async ValueTask InitializeAsync() => Server = await TelephonyServer.StartAsync(
            TestContext.Current.CancellationToken, failover: true, change: services => services.Replace(ServiceDescriptor.Singleton<IProviderHealth>(Health)));

        public ValueTask DisposeAsync() => Server.DisposeAsync();
    }

    /// <summary>Keeps calls from one provider.</summary>
    internal sealed class Doctor : IProviderHealth
    {
        public string? Sick { get; set; }

        public bool Allows(IVoiceProvider provider) => provider.Name != Sick;

        public void Answered(IVoiceProvider provider, TimeSpan connectTime)
        {
        }

        public void Failed(IVoiceProvider provider, ProviderFailure failure, string detail)
        {
        }
    }
}
