using Kraliki.Client;
using Kraliki.Contracts;
using Kraliki.Server.Sessions;
using Kraliki.Server.Sessions.Calls;
using Kraliki.Server.Sessions.Journal;
using Kraliki.Server.Sessions.Sockets;
using Kraliki.Voice.Calls;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

[assembly: AssemblyFixture(typeof(Kraliki.Server.Tests.Sessions.SharedSessionServer))]

namespace Kraliki.Server.Tests.Sessions;

/// <summary>The real server on a real port with its own data directory, driven from inside.</summary>
public sealed class SessionServer : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly WebApplication _app;
    private bool _stopped;

    private SessionServer(WebApplication app, string directory)
    {
        _app = app;
        Directory = directory;
    }

    /// <summary>An organisation that only tests know.</summary>
    public static Guid Organisation { get; } = Guid.CreateVersion7();

    public string Directory { get; }

    public Uri Url => new(_app.Urls.First());

    internal SessionLimits Limits => Get<SessionLimits>();

    internal SessionCommands Commands => Get<SessionCommands>();

    public LiveCalls Calls => Get<LiveCalls>();

    internal JournalReader Journal => Get<JournalReader>();

    /// <param name="directory">Null makes a new one.</param>
    internal static async Task<SessionServer> StartAsync(CancellationToken cancellationToken, string? directory = null, Action<SessionLimits>? configure = null)
    {
        directory ??= Path.Combine(Path.GetTempPath(), $"kraliki-{Guid.NewGuid():N}");
        var app = Program.Build(["--urls", "http://127.0.0.1:0", $"--Kraliki:DataDirectory={directory}"]);
        var server = new SessionServer(app, directory);
        configure?.Invoke(server.Limits);
        await app.StartAsync(cancellationToken);
        return server;
    }

    public T Get<T>()
        where T : notnull => _app.Services.GetRequiredService<T>();

    internal Task<SessionRow> CreateAsync(CancellationToken cancellationToken, string provider = "local", string? phoneNumber = null, Guid? organisation = null) =>
        Commands.CreateAsync(
            organisation ?? Organisation,
            new SessionCreated(provider, VoiceStrategy.Realtime, "twilio", phoneNumber, new Dictionary<string, string>()),
            cancellationToken);

    /// <summary>A new session with a call that talks.</summary>
    internal async Task<TestCall> StartCallAsync(CancellationToken cancellationToken)
    {
        var row = await CreateAsync(cancellationToken);
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

    internal string Ticket(Guid session, bool maySteer = true) =>
        Get<SocketTickets>().Issue(new SocketPass(session, "operator@test.example", maySteer)).Ticket;

    internal Uri SocketUrl(Guid session) => new($"ws://{Url.Authority}/ws/sessions/{session}");

    internal SessionSocket Watch(Guid session, long afterSeq = 0, bool maySteer = true) => new(
        SocketUrl(session),
        _ => Task.FromResult(Ticket(session, maySteer)),
        afterSeq,
        new SessionSocketOptions { Backoff = new Backoff(TimeSpan.FromMilliseconds(10), TimeSpan.FromMilliseconds(100)) });

    public async Task StopAsync()
    {
        if (!_stopped)
        {
            _stopped = true;
            await _app.StopAsync(CancellationToken.None);
            await _app.DisposeAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        if (System.IO.Directory.Exists(Directory))
        {
            System.IO.Directory.Delete(Directory, recursive: true);
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
        Sink.Fact(new MediaEnded(reason, detail, 10, 10, 0, [], null));
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
        Server = await SessionServer.StartAsync(TestContext.Current.CancellationToken, configure: options => options.SweepInterval = TimeSpan.FromHours(1));

    public async ValueTask DisposeAsync() => await Server.DisposeAsync();
}
