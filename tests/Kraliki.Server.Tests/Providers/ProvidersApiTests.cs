using System.Net;
using System.Net.Http.Json;
using Kraliki.Client;
using Kraliki.Contracts;
using Kraliki.Server.Providers;
using Kraliki.Server.Tests.Telephony;
using Kraliki.Simulators.Faults;
using Kraliki.Tests.Shared;
using Kraliki.Voice.Providers;
using Microsoft.Extensions.DependencyInjection;

namespace Kraliki.Server.Tests.Providers;

/// <summary>The server with a simulated OpenAI whose key it has, over real sockets.</summary>
public sealed class ProvidersApiTests(ProvidersApiTests.Shared shared) : IClassFixture<ProvidersApiTests.Shared>, IAsyncLifetime
{
    private readonly ScriptedOpenAI _openAI = shared.OpenAI;
    private readonly RunningServer _server = shared.Server;
    private readonly KralikiClient _admin = shared.Admin;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private IVoiceProvider OpenAI => _server.Services.GetRequiredService<VoiceProviders>().Find("openai")!;

    private Breakers Breakers => _server.Services.GetRequiredService<Breakers>();

    /// <summary>Whatever the test before has found out of it.</summary>
    public async ValueTask InitializeAsync() => await Breakers.ResetAsync(OpenAI, "the tests", Cancel);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task A_probe_is_a_call_that_is_heard_and_answered()
    {
        var probe = await _admin.ProbeProviderAsync("openai", Cancel);
        Assert.True(probe.Passed, probe.Detail);
        Assert.NotNull(probe.ConnectMs);
        Assert.InRange(probe.AnswerMs!.Value, 0, 12_000);
        var view = Assert.Single(await _admin.ListProvidersAsync(Cancel), provider => provider.Name == "openai");
        Assert.Equal((BreakerState.Closed, probe), (view.Health!.State, view.Health.LastProbe));
        Assert.Equal("gpt-realtime-2.1", view.Model);
        Assert.Equal("openai", (await _admin.SearchAuditAsync(new AuditFilter { Action = AuditActions.ProviderProbed }, Cancel)).Items[0].Subject);
    }

    [Fact]
    public async Task A_provider_that_fails_gets_no_calls_until_probes_find_it_well_again()
    {
        var before = (await _admin.GetProvidersHealthAsync(Cancel)).Changes.Count;
        // The first probe finds it dead still. Nobody else calls it.
        _openAI.Simulator.Faults.Arm(new Fault(FaultKind.Drop));
        for (var i = 0; i < 5; i++)
        {
            Breakers.Failed(OpenAI, ProviderFailure.Lost, "The line broke.");
        }

        Assert.False(Breakers.Allows(OpenAI));

        // The node knows it first, and writes it down then.
        var health = await Until.FoundAsync<ProvidersHealth>(
            async () => await _admin.GetProvidersHealthAsync(Cancel) is var now && now.Changes.SkipLast(before).Any(change => change is { Provider: "openai", To: BreakerState.Closed }) ? now : null,
            "no probe closed the breaker",
            Cancel,
            TimeSpan.FromSeconds(60));
        Assert.True(Breakers.Allows(OpenAI));
        Assert.Equal(
            [BreakerState.Closed, BreakerState.HalfOpen, BreakerState.Open, BreakerState.HalfOpen, BreakerState.Open],
            health.Changes.SkipLast(before).Select(change => change.To));
        Assert.True(health.Providers.Single(provider => provider.Provider == "openai").LastProbe!.Passed);
    }

    [Fact]
    public async Task An_administrator_gives_it_calls_again_and_it_is_written_down_who()
    {
        Breakers.Failed(OpenAI, ProviderFailure.Unauthorized, "No such key.");
        Assert.False(Breakers.Allows(OpenAI));
        var view = await _admin.ResetBreakerAsync("openai", Cancel);
        Assert.Equal(BreakerState.Closed, view.State);
        Assert.True(Breakers.Allows(OpenAI));
        var entry = (await _admin.SearchAuditAsync(new AuditFilter { Action = AuditActions.BreakerReset }, Cancel)).Items[0];
        Assert.Equal((RunningServer.Admin, "openai"), (entry.Actor, entry.Subject));
    }

    [Fact]
    public async Task Keys_are_checked_without_a_call()
    {
        var before = _openAI.Simulator.Sessions;
        var report = await _admin.ValidateConfigAsync(Cancel);
        Assert.True(report.Usable);
        Assert.Equal(KeyVerdict.Valid, report.Keys.Single(key => key.Title == "OpenAI").Verdict);
        Assert.Equal(KeyVerdict.Untested, report.Keys.Single(key => key.Title == "Gemini").Verdict);
        Assert.DoesNotContain(ScriptedOpenAI.Key, report.ToString());
        Assert.Empty(_openAI.Simulator.Sessions.Except(before));
    }

    [Fact]
    public async Task Who_may_not_manage_sees_how_they_are_and_calls_nobody()
    {
        using var agent = await _server.SignInAsync(Cancel);
        Assert.NotEmpty((await agent.GetFromJsonAsync("api/v1/providers/health", ContractsJson.Default.ProvidersHealth, Cancel))!.Providers);
        using var refused = await agent.PostAsync("api/v1/providers/openai/probe", null, Cancel);
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        var unknown = await Assert.ThrowsAsync<KralikiException>(() => _admin.ProbeProviderAsync("hal9000", Cancel));
        Assert.Contains("openai, gemini, deepgram, deepgram_agent, local", unknown.Message);
    }

    [Fact]
    public async Task Strangers_learn_which_providers_there_are_and_nothing_of_their_health()
    {
        Breakers.Failed(OpenAI, ProviderFailure.Error, "An inner matter.");
        using var stranger = _server.Anonymous();
        Assert.DoesNotContain("inner matter", await stranger.GetStringAsync("health/providers", Cancel));
    }

    public sealed class Shared : IAsyncLifetime
    {
        internal ScriptedOpenAI OpenAI { get; private set; } = null!;

        internal RunningServer Server { get; private set; } = null!;

        internal KralikiClient Admin { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            OpenAI = await ScriptedOpenAI.StartAsync(Cancel);
            Server = await RunningServer.StartAsync(Cancel, new ServerSetup(Settings: new Dictionary<string, string>(OpenAI.Settings())
            {
                ["Logging:Console:LogLevel:Default"] = "None",
                ["Kraliki:Providers:Breaker:OpenSeconds"] = "1",

                // The check of keys would ask the real carrier.
                ["Kraliki:Carriers:Twilio:AccountSid"] = "",
                ["Kraliki:Carriers:Twilio:AuthToken"] = "",
            }));
            Admin = Server.Api();
            await Admin.LoginAsync(RunningServer.Admin, Server.Password, TokenTransport.Body, Cancel);
        }

        public async ValueTask DisposeAsync()
        {
            Admin.Dispose();
            await Server.DisposeAsync();
            await OpenAI.DisposeAsync();
        }
    }
}
