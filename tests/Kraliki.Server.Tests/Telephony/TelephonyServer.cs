using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Insights;
using Kraliki.Server.Operations;
using Kraliki.Server.Sessions;
using Kraliki.Server.Sessions.Journal;
using Kraliki.Server.Telephony;
using Kraliki.Server.Tests.Sessions;
using Kraliki.Voice.Calls;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

[assembly: AssemblyFixture(typeof(Kraliki.Server.Tests.Telephony.SharedTelephonyServer))]

namespace Kraliki.Server.Tests.Telephony;

/// <summary>The real server between a <see cref="TestCarrier"/> and a <see cref="ScriptedOpenAI"/>.</summary>
internal sealed class TelephonyServer : IAsyncDisposable
{
    // Long enough for a machine that is busy with other tests, short enough to be waited for.
    public static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(2);

    private readonly LogWatch _log;

    private TelephonyServer(ScriptedOpenAI openAI, SessionServer sessions, LogWatch log)
    {
        OpenAI = openAI;
        Sessions = sessions;
        _log = log;
    }

    public ScriptedOpenAI OpenAI { get; }

    public SessionServer Sessions { get; }

    /// <param name="key">The API key that the server is configured with.</param>
    /// <param name="failover">Providers stand in for each other; without it a provider's end is the call's end.</param>
    /// <param name="settings">Besides those of carrier and provider.</param>
    /// <param name="thinkTime">Of the model, from the end of the caller's turn; null is next to nothing.</param>
    /// <param name="analyze">With what is found out beside calls; see <see cref="SessionServer.StartAsync"/>.</param>
    public static async Task<TelephonyServer> StartAsync(
        CancellationToken cancellationToken, string key = ScriptedOpenAI.Key, SessionLimits? limits = null, TimeSpan? startTimeout = null, ScopedLines? lines = null, bool analyze = false,
        bool failover = false, IReadOnlyDictionary<string, string>? settings = null, Action<IServiceCollection>? change = null, TimeSpan? thinkTime = null)
    {
        var openAI = await ScriptedOpenAI.StartAsync(cancellationToken, thinkTime);
        var log = new LogWatch();
        var sessions = await SessionServer.StartAsync(
            cancellationToken,
            limits: limits,
            settings: new Dictionary<string, string>([.. openAI.Settings(key), .. settings ?? new Dictionary<string, string> { ["Kraliki:Providers:Failover:Order"] = "openai,local" }])
            {
                ["Kraliki:Providers:Failover:Enabled"] = failover ? "true" : "false",
            },
            change: services =>
            {
                services.AddLogging(logging => logging.AddProvider(log).AddFilter<LogWatch>("Kraliki.Voice.Calls.CallLoop", LogLevel.Information));
                if (analyze)
                {
                    services.AddAnalyzers();
                }

                if (lines is not null)
                {
                    services.AddLogging(logging => logging.AddProvider(lines).AddFilter<ScopedLines>(null, LogLevel.Information));
                }

                services.Replace(ServiceDescriptor.Singleton(new CallOptions { StartTimeout = startTimeout ?? new CallOptions().StartTimeout }));
                change?.Invoke(services);
            });
        return new(openAI, sessions, log);
    }

    public TestCarrier Carrier() => new(Sessions.Url);

    public async Task<Guid> SessionOfAsync(TestCarrier carrier, CancellationToken cancellationToken)
        => (await CarrierCall.FindAsync(Sessions.Get<KralikiDbFactory>(), carrier.CallSid, cancellationToken))?.SessionId
            ?? throw new InvalidOperationException("The server does not know the call.");

    public async Task<List<T>> FactsAsync<T>(Guid session, CancellationToken cancellationToken)
        where T : SessionFact
        => [.. (await Sessions.Journal.EventsAsync(session, 0, 10_000, cancellationToken)).Select(happened => happened.Data).OfType<T>()];

    public Task<SessionRow> UntilAsync(Guid session, SessionState state, CancellationToken cancellationToken)
        => Sessions.UntilAsync(session, row => row.State == state, $"the session did not become {state}", cancellationToken);

    /// <summary>Waits for a finished turn with these words.</summary>
    public Task UntilSaidAsync(Guid session, string words, CancellationToken cancellationToken)
        => Sessions.UntilFactAsync<TurnFinished>(session, turn => turn.Text == words, $"nobody said \"{words}\"", cancellationToken);

    /// <summary>Waits until the assistant has answered the caller, for the first time; its greeting may have the same words.</summary>
    public Task UntilAnsweredAsync(Guid session, CancellationToken cancellationToken)
    {
        bool asked = false;
        return Sessions.UntilFactAsync<TurnFinished>(
            session,
            turn =>
            {
                asked |= turn.Speaker == LegRole.Caller;
                return asked && turn.Speaker == LegRole.Ai;
            },
            "the assistant did not answer",
            cancellationToken);
    }

    /// <summary>A call in which the assistant has greeted, to the end: what the caller says now is a turn of its own.</summary>
    public async Task<(TestStream Stream, Guid Session)> TalkAsync(TestCarrier carrier, CancellationToken cancellationToken)
    {
        var stream = await carrier.TalkAsync(cancellationToken);
        var session = await SessionOfAsync(carrier, cancellationToken);
        await UntilAsync(session, SessionState.Active, cancellationToken);
        await stream.ReceiveAsync("media", cancellationToken);
        await Sessions.UntilFactAsync<TurnFinished>(session, turn => turn.Speaker == LegRole.Ai, "the assistant did not greet", cancellationToken);
        return (stream, session);
    }

    public async Task<AuditEntry> AuditOfAsync(string requestId, CancellationToken cancellationToken)
    {
        await using var db = Sessions.Get<KralikiDbFactory>().OpenForSystem();
        return Assert.Single(await db.Set<AuditEntry>().AsNoTracking().Where(entry => entry.RequestId == requestId).ToListAsync(cancellationToken));
    }

    /// <summary>The entry about a refused media socket, once it is written.</summary>
    /// <param name="subject">The call's id, the session's, or the path when the socket never said whose it is.</param>
    public Task<AuditEntry> UntilRefusedAsync(string subject, string detail, CancellationToken cancellationToken)
        => _log.UntilAsync(
            async () =>
            {
                await using var db = Sessions.Get<KralikiDbFactory>().OpenForSystem();
                return await db.Set<AuditEntry>().AsNoTracking().FirstOrDefaultAsync(
                    entry => entry.Action == "media_socket_refused" && entry.Actor == "carrier" && entry.Subject == subject && entry.Detail == detail,
                    cancellationToken);
            },
            $"No audit entry says of {subject}: {detail}",
            cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await Sessions.DisposeAsync();
        await OpenAI.DisposeAsync();
    }
}

/// <summary>One server for all telephony tests that do not change it.</summary>
public sealed class SharedTelephonyServer : IAsyncLifetime
{
    internal TelephonyServer Server { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Server = await TelephonyServer.StartAsync(
        TestContext.Current.CancellationToken, limits: new SessionLimits { SweepInterval = TimeSpan.FromHours(1) }, startTimeout: TelephonyServer.StartTimeout);

    public ValueTask DisposeAsync() => Server.DisposeAsync();
}
