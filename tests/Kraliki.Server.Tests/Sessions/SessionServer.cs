using Kraliki.Client;
using Kraliki.Contracts;
using Kraliki.Server.Insights;
using Kraliki.Server.Sessions;
using Kraliki.Server.Sessions.Calls;
using Kraliki.Server.Sessions.Journal;
using Kraliki.Server.Sessions.Sockets;
using Kraliki.Voice.Calls;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.IdentityModel.JsonWebTokens;

[assembly: AssemblyFixture(typeof(Kraliki.Server.Tests.Sessions.SharedSessionServer))]

namespace Kraliki.Server.Tests.Sessions;

/// <summary>The real server with sessions in hand: creates them, plays their calls, watches them.</summary>
public sealed class SessionServer : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly RunningServer _server;
    private bool _stopped;

    private SessionServer(RunningServer server, Guid organisation, Guid signIn)
    {
        _server = server;
        Organisation = organisation;
        SignIn = signIn;
    }

    /// <summary>The demo organisation.</summary>
    public Guid Organisation { get; }

    /// <summary>Of the operator; what tickets made here are tied to.</summary>
    public Guid SignIn { get; }

    public Uri Url => _server.Url;

    public RunningServer Host => _server;

    internal SessionLimits Limits => Get<SessionLimits>();

    internal SessionCommands Commands => Get<SessionCommands>();

    public LiveCalls Calls => Get<LiveCalls>();

    internal JournalReader Journal => Get<JournalReader>();

    /// <summary>Without analyzers, unless <paramref name="change"/> adds them: what they find comes when it comes, and would stand somewhere between the facts of a test.</summary>
    /// <param name="directory">Null makes a new one, which goes away with the server.</param>
    internal static async Task<SessionServer> StartAsync(
        CancellationToken cancellationToken,
        string? directory = null,
        SessionLimits? limits = null,
        Uri? url = null,
        IReadOnlyDictionary<string, string>? settings = null,
        Action<IServiceCollection>? change = null)
    {
        var all = new Dictionary<string, string>(settings ?? new Dictionary<string, string>());
        if (url is not null)
        {
            all["urls"] = url.GetLeftPart(UriPartial.Authority);
        }

        var server = await RunningServer.StartAsync(cancellationToken, new ServerSetup(
            directory,
            all,
            Change: builder =>
            {
                builder.Services.Replace(ServiceDescriptor.Singleton(limits ?? new SessionLimits()));
                builder.Services.RemoveAll<IAnalyzer>();
                change?.Invoke(builder.Services);
            }));
        using var api = server.Api();
        var user = await api.LoginAsync(RunningServer.Operator, server.Password, TokenTransport.Body, cancellationToken);
        return new SessionServer(server, user.OrganisationId, Guid.Parse(new JsonWebToken(api.AccessToken).GetClaim("sid").Value));
    }

    /// <summary>The typed client, signed in.</summary>
    public async Task<KralikiClient> SignInAsync(CancellationToken cancellationToken, string email = RunningServer.Operator)
    {
        var api = _server.Api();
        await api.LoginAsync(email, _server.Password, TokenTransport.Body, cancellationToken);
        return api;
    }

    public T Get<T>()
        where T : notnull => _server.Services.GetRequiredService<T>();

    internal Task<SessionRow> CreateAsync(CancellationToken cancellationToken, string provider = "local", string? phoneNumber = null, Guid? organisation = null, decimal? costCap = null) =>
        Commands.CreateAsync(
            organisation ?? Organisation,
            new SessionCreated(provider, VoiceStrategy.Realtime, "twilio", phoneNumber, new Dictionary<string, string>(), CostCap: costCap),
            cancellationToken);

    /// <summary>A new session with a call that talks.</summary>
    internal async Task<TestCall> StartCallAsync(CancellationToken cancellationToken, decimal? costCap = null)
    {
        var row = await CreateAsync(cancellationToken, costCap: costCap);
        var call = await AttachAsync(row.Id, cancellationToken);
        call.Connect();
        await UntilAsync(row.Id, now => now.State == SessionState.Active, "the session did not become active", cancellationToken);
        return call;
    }

    internal async Task<TestCall> AttachAsync(Guid session, CancellationToken cancellationToken)
    {
        var call = await Calls.AttachAsync(session, cancellationToken);
        Assert.NotNull(call);
        return new TestCall(call);
    }

    internal async Task<SessionRow> RowAsync(Guid session, CancellationToken cancellationToken) =>
        await Journal.RowAsync(session, cancellationToken) ?? throw new InvalidOperationException("There is no such session.");

    /// <summary>Follows the session's socket until its row is as wanted.</summary>
    internal async Task<SessionRow> UntilAsync(Guid session, Func<SessionRow, bool> wanted, string otherwise, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Patience);
        await using var socket = Watch(session);
        try
        {
            await foreach (var message in socket.ReadAsync(limit.Token))
            {
                if (message is Ready or EventMessage && await RowAsync(session, limit.Token) is var row && wanted(row))
                {
                    return row;
                }
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
        }

        throw new TimeoutException($"{otherwise}; it is {(await RowAsync(session, cancellationToken)).State}.");
    }

    /// <summary>Follows the session's socket from its first event to the fact that is wanted.</summary>
    internal async Task<T> UntilFactAsync<T>(Guid session, Func<T, bool> wanted, string otherwise, CancellationToken cancellationToken)
        where T : SessionFact
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Patience);
        await using var socket = Watch(session);
        try
        {
            await foreach (var message in socket.ReadAsync(limit.Token))
            {
                if (message is EventMessage { Data: T fact } && wanted(fact))
                {
                    return fact;
                }
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
        }

        throw new TimeoutException($"{otherwise}.");
    }

    internal string Ticket(Guid session, bool maySteer = true) =>
        Get<SocketTickets>().Issue(new SocketPass(session, "operator@test.example", maySteer, SignIn, UserRole.Agent)).Ticket;

    internal Uri SocketUrl(Guid session) => new($"ws://{Url.Authority}/ws/sessions/{session}");

    internal SessionSocket Watch(Guid session, long afterSeq = 0, bool maySteer = true, string? clientId = null) => new(
        SocketUrl(session),
        _ => Task.FromResult(Ticket(session, maySteer)),
        afterSeq,
        new SessionSocketOptions { Backoff = new Backoff(TimeSpan.FromMilliseconds(10), TimeSpan.FromMilliseconds(100)), ClientId = clientId });

    /// <summary>Earlier than disposal, for restarts.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_stopped)
        {
            _stopped = true;
            await _server.DisposeAsync();
        }
    }
}

/// <summary>A call without a carrier: the test is its loop.</summary>
internal sealed class TestCall
{
    private readonly System.Threading.Channels.Channel<CallCommand> _commands = System.Threading.Channels.Channel.CreateBounded<CallCommand>(100);

    public TestCall(LiveCall live)
    {
        Live = live;
        live.Bind(command => _commands.Writer.TryWrite(command), listening => Listening = listening);
    }

    public LiveCall Live { get; }

    public Guid Id => Live.SessionId;

    public ICallSink Sink => Live;

    public bool Listening { get; private set; }

    public void Connect()
    {
        Sink.Fact(new CarrierConnected("twilio", "CA1", "MZ1"));
        Sink.Fact(new ProviderConnected("local", null, "p1", 12));
    }

    public void Say(LegRole speaker, string text, string? turnId = null, long atMs = 0) =>
        Sink.Fact(new TurnFinished(turnId ?? $"t{Guid.NewGuid():N}", speaker, text, atMs, atMs + 900));

    /// <summary>The loop's end.</summary>
    public async Task EndAsync(EndReason reason, string detail = "Test.")
    {
        Sink.Fact(new MediaEnded(reason, detail, 10, 10, 0, []));
        await Live.CompleteAsync(new CallOutcome(reason, detail));
        await Live.DisposeAsync();
    }

    public async Task<CallCommand> CommandAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _commands.Reader.ReadAsync(cancellationToken).AsTask().WaitAsync(SessionServer.Patience, cancellationToken);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException("No command reached the call.");
        }
    }
}

/// <summary>One server for all tests that do not change it.</summary>
public sealed class SharedSessionServer : IAsyncLifetime
{
    internal SessionServer Server { get; private set; } = null!;

    public async ValueTask InitializeAsync() =>
        Server = await SessionServer.StartAsync(TestContext.Current.CancellationToken, limits: new SessionLimits { SweepInterval = TimeSpan.FromHours(1) });

    public async ValueTask DisposeAsync() => await Server.DisposeAsync();
}
