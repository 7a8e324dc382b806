namespace Kraliki.Voice.Net;

/// <summary>Moves bytes for one <see cref="MediaSocket"/>.</summary>
internal abstract class ByteTransport
{
    /// <summary>Begins to deliver <see cref="MediaSocket.OnBytes"/> and, at the end, <see cref="MediaSocket.OnTransportEnd"/> once.</summary>
    public abstract void Start(MediaSocket owner);

    /// <summary>Sends what the owner has queued. Any thread; never blocks.</summary>
    public abstract void Flush();

    /// <summary>Sends what is queued, then ends the connection.</summary>
    public abstract void FlushAndClose();

    /// <summary>Ends the connection now. Any thread, any number of times.</summary>
    public abstract void Close();
}

/// <summary>Transport over any stream: TLS, or a connection that the web server keeps.</summary>
/// <remarks>One read loop; one write in flight at a time, which takes whatever was queued meanwhile.</remarks>
/// <param name="received">Bytes that came with the handshake, ahead of the stream.</param>
internal sealed class StreamTransport(Stream stream, byte[]? received = null) : ByteTransport
{
    private const int ReadBufferBytes = 16 * 1024;

    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _ended = new();
    private MediaSocket? _owner;
    private byte[] _sending = new byte[4096];
    private bool _writing;
    private bool _closeAfterWrite;
    private int _closed;

    public override void Start(MediaSocket owner)
    {
        _owner = owner;
        _ = ReadLoopAsync();
    }

    public override void Flush()
    {
        lock (_gate)
        {
            if (_writing)
            {
                return;
            }

            _writing = true;
        }

        _ = WriteLoopAsync();
    }

    public override void FlushAndClose()
    {
        lock (_gate)
        {
            _closeAfterWrite = true;
        }

        Flush();
    }

    public override void Close()
    {
        if (Interlocked.Exchange(ref _closed, 1) == 0)
        {
            // Ends the pending read with an error; that is how the read loop learns of it. Disposal ends it on our own
            // stream, the token on one of the web server; not on this thread, which may stand inside a call's gate.
            _ = _ended.CancelAsync();
            stream.Dispose();
        }
    }

    private async Task ReadLoopAsync()
    {
        try
        {
            if (received is { Length: > 0 })
            {
                _owner!.OnBytes(received);
            }

            var buffer = new byte[ReadBufferBytes];
            int count;
            while ((count = await stream.ReadAsync(buffer, _ended.Token).ConfigureAwait(false)) > 0)
            {
                _owner!.OnBytes(buffer.AsSpan(0, count));
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException or InvalidOperationException)
        {
            // The connection broke or was closed by us: both are told by OnTransportEnd.
        }
        finally
        {
            Close();
            _owner!.OnTransportEnd();
        }
    }

    private async Task WriteLoopAsync()
    {
        try
        {
            while (true)
            {
                int length = _owner!.TakeOutgoing(ref _sending);
                if (length > 0)
                {
                    await stream.WriteAsync(_sending.AsMemory(0, length)).ConfigureAwait(false);
                    await stream.FlushAsync().ConfigureAwait(false);
                    continue;
                }

                lock (_gate)
                {
                    // Something may have been queued between the look above and this lock; its Flush saw us writing.
                    if (_owner.QueuedBytes > 0)
                    {
                        continue;
                    }

                    _writing = false;
                    if (!_closeAfterWrite)
                    {
                        return;
                    }
                }

                Close();
                return;
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException or InvalidOperationException)
        {
            Close();
        }
    }
}
