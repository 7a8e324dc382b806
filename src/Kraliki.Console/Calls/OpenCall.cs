using System.Net;
using Kraliki.Client;
using Kraliki.Contracts;
using Kraliki.OperatorConsole.Frame;

namespace Kraliki.OperatorConsole.Calls;

/// <summary>One call on the screen: its story, and while it lives the socket that continues it. One thread.</summary>
public sealed partial class OpenCall(Guid id, KralikiClient client, Reachability reachability) : IAsyncDisposable
{
    // A call has some hundred events at most; the server's largest page saves round trips.
    private const int EventPage = 500;

    /// <summary>Names this browser tab for its microphone; a reloaded page is another one.</summary>
    public static string ClientId { get; } = $"tab-{Guid.NewGuid():N}";

    private readonly CancellationTokenSource _closed = new();
    private SessionSocket? _socket;
    private IReadOnlyList<string>? _features;

    public Guid Id { get; } = id;

    public CallStory Story { get; } = new();

    public SessionView? Session => Story.Session;

    /// <summary>Null while there is no live socket: the call is over, or not loaded yet.</summary>
    public SocketMetrics? Connection { get; private set; }

    public KralikiException? Fault { get; private set; }

    public bool Missing { get; private set; }

    public bool Loaded { get; private set; }

    /// <summary>A command of ours that came after somebody else's and waits for a second decision; null while there is none.</summary>
    public CommandConflict? Conflict { get; private set; }

    public bool IsOver => Session is { } session && SessionStates.IsTerminal(session.State);

    public event Action? Changed;

    /// <summary>Loads the call and follows it to its end. Faults of the way are kept in <see cref="Fault"/>.</summary>
    public async Task RunAsync()
    {
        var cancellationToken = _closed.Token;
        try
        {
            Fault = null;
            Story.Apply(await client.GetSessionAsync(Id, cancellationToken));
            _ = NameAssistantAsync(Session!, cancellationToken);
            if (IsOver)
            {
                await LoadEventsAsync(cancellationToken);
            }
            else
            {
                await FollowAsync(Session!, cancellationToken);
            }
        }
        catch (KralikiException fault)
        {
            Missing = fault.Status == HttpStatusCode.NotFound;
            Fault = fault;
            reachability.Failed(fault);
        }
        catch (OperationCanceledException) when (_closed.IsCancellationRequested)
        {
            // The reader went to another call.
        }
        finally
        {
            reachability.LiveConnectionIs(reconnecting: false, retryAt: null);
            Changed?.Invoke();
        }
    }

    /// <summary>Whether this is switched on (<see cref="SessionFeatures"/>). A call that is over shows what was found while it was.</summary>
    public bool Shows(string feature) => _features is null || _features.Contains(feature);

    /// <summary>Whether the server has said that this is there to be used.</summary>
    public bool Offers(string feature) => _features?.Contains(feature) == true;

    /// <inheritdoc cref="TellAsync"/>
    public async Task<bool> DecideAsync(string suggestionId, string action) =>
        _socket is { } socket && await socket.SendSuggestionActionAsync(suggestionId, action, cancellationToken: _closed.Token);

    /// <returns>False when there was no live connection; nothing was sent.</returns>
    public async Task<bool> TellAsync(string text) => _socket is { } socket && await socket.SendTextAsync(text, _closed.Token);

    /// <summary>Ends the call as it is shown here; when it is not so any more, <see cref="Conflict"/> asks again.</summary>
    /// <exception cref="KralikiException">The server refused, or could not be reached.</exception>
    public Task EndAsync() => CommandAsync(CommandKind.End, version => client.EndSessionAsync(Id, ifVersion: version, cancellationToken: _closed.Token));

    /// <summary>Takes the free microphone for this tab.</summary>
    /// <exception cref="KralikiException">Somebody was faster (<see cref="KralikiException.MicrophoneHolder"/>), or the server could not be reached.</exception>
    public Task TakeMicrophoneAsync() => CommandAsync(CommandKind.TakeMicrophone, _ => client.TakeMicrophoneAsync(Id, ClientId, _closed.Token));

    /// <summary>Takes the microphone from who holds it here; when it is somebody else by now, <see cref="Conflict"/> asks again.</summary>
    /// <exception cref="KralikiException">The server refused, or could not be reached.</exception>
    public Task TakeOverMicrophoneAsync() =>
        CommandAsync(CommandKind.TakeMicrophone, version => client.TakeOverMicrophoneAsync(Id, ClientId, version, _closed.Token));

    /// <exception cref="KralikiException">This tab does not hold it any more, or the server could not be reached.</exception>
    public Task ReleaseMicrophoneAsync() => CommandAsync(CommandKind.ReleaseMicrophone, _ => client.ReleaseMicrophoneAsync(Id, ClientId, _closed.Token));

    /// <summary>The other's change stays as it is.</summary>
    public void LeaveConflict()
    {
        Conflict = null;
        Changed?.Invoke();
    }

    public async ValueTask DisposeAsync()
    {
        await _closed.CancelAsync();
        if (_socket is { } socket)
        {
            await socket.DisposeAsync();
        }

        _closed.Dispose();
    }

    private async Task CommandAsync(CommandKind kind, Func<long, Task<SessionView>> send)
    {
        Conflict = null;
        try
        {
            Story.Apply(await send(Session!.Version));
        }
        catch (KralikiException refusal) when (refusal.Current(ContractsJson.Default.SessionView) is { } now)
        {
            Story.Apply(now);

            // What has ended by itself needs no second decision.
            Conflict = IsOver || now.State == SessionState.WrapUp ? null : new(kind, () => CommandAsync(kind, send));
        }
        finally
        {
            Changed?.Invoke();
        }
    }

    private async Task LoadEventsAsync(CancellationToken cancellationToken)
    {
        SessionEventPage page;
        do
        {
            page = await client.GetEventsAsync(Id, Story.LastSeq, EventPage, cancellationToken);
            foreach (var entry in page.Items)
            {
                Story.Apply(entry);
            }
        }
        while (page.More);

        Loaded = true;
    }

    private async Task FollowAsync(SessionView session, CancellationToken cancellationToken)
    {
        await using var socket = client.OpenSocket(session, Story.LastSeq, new SessionSocketOptions { ClientId = ClientId });
        _socket = socket;
        socket.MetricsChanged += OnMetrics;
        try
        {
            await foreach (var message in socket.ReadAsync(cancellationToken))
            {
                Apply(message);
                Changed?.Invoke();
            }
        }
        finally
        {
            socket.MetricsChanged -= OnMetrics;
            _socket = null;
            Connection = null;
        }
    }

    private void Apply(ServerMessage message)
    {
        switch (message)
        {
            case Ready ready:
                Loaded = true;
                Story.Apply(ready.Session);
                Story.Apply(meters: null);
                Story.Apply(unsaved: null);
                break;
            case EventMessage entry:
                Story.Apply(new SessionEvent(entry.Seq, entry.At, entry.Data));
                Settle(entry.Data);
                break;
            case FeaturesChanged changed:
                _features = changed.Features;
                break;
            case Unsaved unsaved:
                Story.Apply(unsaved);
                break;
            case PartialTranscript partial:
                Story.Apply(partial);
                break;
            case CallMeters meters:
                Story.Apply(meters);
                break;
        }
    }

    private void OnMetrics(SocketMetrics metrics)
    {
        Connection = metrics;
        reachability.LiveConnectionIs(reconnecting: metrics.Quality == ConnectionQuality.Disconnected && metrics.TotalDisconnections > 0, metrics.RetryAt);
        Changed?.Invoke();
    }
}
