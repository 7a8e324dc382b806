using System.Globalization;
using Kraliki.Client;
using Kraliki.Contracts;

namespace Kraliki.Chaos;

/// <summary>An operator's tab on one call: follows the session's socket, writes to the session again and again, and keeps what it was told.</summary>
internal sealed class Witness : IAsyncDisposable
{
    private static readonly TimeSpan Between = TimeSpan.FromSeconds(1);

    private readonly KralikiClient _client;
    private readonly SessionView _session;
    private readonly TimeProvider _time;
    private readonly SessionSocket _socket;
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationTokenSource _stopWriting;
    private readonly Lock _gate = new();
    private readonly List<SeenEvent> _seen = [];
    private readonly List<Write> _writes = [];
    private readonly Task _watching;
    private readonly Task _writing;

    public Witness(KralikiClient client, SessionView session, TimeProvider time)
    {
        _client = client;
        _session = session;
        _time = time;
        _socket = client.OpenSocket(session);
        _stopWriting = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        _watching = WatchAsync();
        _writing = WriteAsync();
    }

    public Guid Session => _session.Id;

    public IReadOnlyList<SeenEvent> Seen
    {
        get
        {
            lock (_gate)
            {
                return [.. _seen];
            }
        }
    }

    public IReadOnlyList<Write> Writes
    {
        get
        {
            lock (_gate)
            {
                return [.. _writes];
            }
        }
    }

    /// <summary>Waits for the answer to the last write.</summary>
    public async Task StopWritingAsync()
    {
        await _stopWriting.CancelAsync();
        await _writing;
    }

    /// <summary>The server says by itself when nothing will follow.</summary>
    /// <returns>Null when it did; otherwise what happened instead.</returns>
    public async Task<string?> SessionOverAsync(TimeSpan patience, CancellationToken cancellationToken)
    {
        try
        {
            await _watching.WaitAsync(patience, _time, cancellationToken);
            return null;
        }
        catch (TimeoutException)
        {
            return $"nothing for {patience.TotalSeconds:0} s after the last event that was handed over, {(Seen is [.., { Seq: var seq }] ? seq : 0)}";
        }
        catch (KralikiException refused)
        {
            return refused.Message;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _writing;
        await _socket.DisposeAsync();
        // Only its end is awaited: what went wrong was told to whoever waited for the session's end.
        await _watching.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stopWriting.Dispose();
        _stop.Dispose();
    }

    private async Task WatchAsync()
    {
        await foreach (var message in _socket.ReadAsync(_stop.Token))
        {
            if (message is EventMessage happened)
            {
                lock (_gate)
                {
                    _seen.Add(new(_session.Id, happened.Seq, SeenEvent.HashOf(happened.Data)));
                }
            }
        }
    }

    private async Task WriteAsync()
    {
        for (var n = 1; ; n++)
        {
            await Task.Delay(Between, _time, _stopWriting.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (_stopWriting.IsCancellationRequested)
            {
                return;
            }

            // Never the same twice: a repeated try could rightly be carried out beside the first.
            var marker = n.ToString(CultureInfo.InvariantCulture);
            var acknowledged = false;
            try
            {
                await _client.UpdateSessionAsync(
                    _session.Id, new(Metadata: new Dictionary<string, string> { [HistoryChecker.Marker] = marker }), cancellationToken: _stop.Token);
                acknowledged = true;
            }
            catch (KralikiException)
            {
                // Refused, or nobody knows: without an acknowledgement there is no promise to check.
            }
            catch (OperationCanceledException)
            {
                // The same: the run is being given up.
            }

            lock (_gate)
            {
                _writes.Add(new(_session.Id, marker, acknowledged));
            }
        }
    }
}
