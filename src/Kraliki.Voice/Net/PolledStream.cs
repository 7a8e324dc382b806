using System.Net;
using System.Net.Sockets;
using System.Threading.Tasks.Sources;

namespace Kraliki.Voice.Net;

/// <summary>A TCP connection that is read, and continued, on a <see cref="Poller"/>'s thread. One read and one write at a time.</summary>
/// <remarks>
/// A read waits for readiness first and then reads once: on a live call one system call per message, and none that finds
/// nothing. A pending read or write is not cancelled by its token; disposing ends both, from the thread pool, so that
/// nothing runs inside the locks of whoever disposes.
/// </remarks>
internal sealed class PolledStream : Stream, IPolled, IValueTaskSource<int>, IValueTaskSource
{
    // man 7 tcp, Linux: the system itself would try again for a quarter of an hour.
    private const int TcpLevel = 6;
    private const int TcpUserTimeout = 18;
    private const int UnconfirmedMs = 15_000;

    private readonly Lock _gate = new();
    private readonly Poller _poller = Poller.Next();
    private readonly Socket _socket;

    // Watched from the first wait on, not before: a socket that does not yet connect is reported as hung up.
    private long? _id;

    // Who turns a flag off, under the gate, completes the source.
    private bool _reading;
    private bool _writing;
    private Memory<byte> _readInto;
    private ReadOnlyMemory<byte> _unsent;
    private ManualResetValueTaskSourceCore<int> _read;
    private ManualResetValueTaskSourceCore<bool> _write;
    private bool _wantsRead;
    private bool _wantsWrite;
    private bool _forgotten;
    private bool _disposed;

    /// <param name="socket">Connected or connecting, and from now on this stream's.</param>
    public PolledStream(Socket socket)
    {
        _socket = socket;
        socket.Blocking = false;
        Inline = false;
    }

    /// <summary>
    /// False at first: continuations go to the thread pool. True once only the call path reads: they run on the poller's
    /// thread. A TLS handshake must not, because checking a certificate may wait for the network.
    /// </summary>
    public bool Inline
    {
        set
        {
            _read.RunContinuationsAsynchronously = !value;
            _write.RunContinuationsAsynchronously = !value;
        }
    }

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Tries the host's addresses in turn.</summary>
    /// <exception cref="SocketException">Unreachable.</exception>
    public static async Task<PolledStream> ConnectAsync(string host, int port, CancellationToken cancellationToken)
    {
        var addresses = await Dns.GetHostAddressesAsync(host, cancellationToken).ConfigureAwait(false);
        for (int i = 0; ; i++)
        {
            var stream = new PolledStream(new Socket(addresses[i].AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true });
            try
            {
                // A call always has something to send, so a peer that vanished without a word is known by what it does not confirm.
                stream._socket.SetRawSocketOption(TcpLevel, TcpUserTimeout, BitConverter.GetBytes(UnconfirmedMs));
                using var registration = cancellationToken.UnsafeRegister(static stream => ((PolledStream)stream!).Dispose(), stream);
                await stream.ConnectAsync(new IPEndPoint(addresses[i], port)).ConfigureAwait(false);
                return stream;
            }
            catch (Exception e) when (e is SocketException or IOException or ObjectDisposedException)
            {
                await stream.DisposeAsync().ConfigureAwait(false);
                cancellationToken.ThrowIfCancellationRequested();
                if (i + 1 == addresses.Length)
                {
                    throw;
                }
            }
        }
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_forgotten)
            {
                // Broken while nobody read: what was received before is still there, then comes the end or the error.
                int count = _socket.Receive(buffer.Span, SocketFlags.None, out var error);
                return error == SocketError.Success ? ValueTask.FromResult(count) : ValueTask.FromException<int>(Broken(error));
            }

            _read.Reset();
            _readInto = buffer;
            _reading = true;
            Want(read: true, _wantsWrite);
            return new ValueTask<int>(this, _read.Version);
        }
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _unsent = buffer;
            if (TrySend(out var error))
            {
                return error == SocketError.Success ? ValueTask.CompletedTask : ValueTask.FromException(Broken(error));
            }

            return WaitToWrite();
        }
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void OnReady(bool readable, bool writable)
    {
        bool wrote = false, read = false;
        int count = 0;
        SocketError writeError = default, readError = default;
        lock (_gate)
        {
            if (_disposed || _forgotten)
            {
                return;
            }

            // A broken connection may be reported as readable only; who waits to write must learn of it too.
            if (_writing)
            {
                wrote = TrySend(out writeError);
                _writing = !wrote;
            }

            if (_reading && readable)
            {
                count = _socket.Receive(_readInto.Span, SocketFlags.None, out readError);
                read = readError != SocketError.WouldBlock;
                _reading = !read;
            }
            else if (readable && !_wantsRead && !wrote && !_writing)
            {
                // A hang-up is reported although nobody asked, and would be again and again.
                _forgotten = true;
                _poller.Forget(_socket, _id!.Value);
                return;
            }
            else
            {
                // What nobody waits for must not keep the poller busy; whoever waits next asks again.
                Want(_reading, _writing);
            }
        }

        if (wrote)
        {
            Complete(ref _write, true, writeError);
        }

        if (read)
        {
            Complete(ref _read, count, readError);
        }
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Flush()
    {
        // Nothing is kept back here.
    }

    int IValueTaskSource<int>.GetResult(short token) => _read.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<int>.GetStatus(short token) => _read.GetStatus(token);

    void IValueTaskSource<int>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
        => _read.OnCompleted(continuation, state, token, flags);

    void IValueTaskSource.GetResult(short token) => _write.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _write.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
        => _write.OnCompleted(continuation, state, token, flags);

    protected override void Dispose(bool disposing)
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            if (_id is { } id && !_forgotten)
            {
                _poller.Forget(_socket, id);
            }

            try
            {
                _socket.Shutdown(SocketShutdown.Both);
            }
            catch (SocketException)
            {
                // Not connected, or not any more.
            }

            _socket.Dispose();
        }

        ThreadPool.UnsafeQueueUserWorkItem(static stream => stream.Abandon(), this, preferLocal: false);
        base.Dispose(disposing);
    }

    private async ValueTask ConnectAsync(IPEndPoint address)
    {
        ValueTask connected;
        lock (_gate)
        {
            try
            {
                _socket.Connect(address);
                return;
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.WouldBlock)
            {
                // Under way: being writable is the news that it is connected or has failed.
                connected = WaitToWrite();
            }
        }

        await connected.ConfigureAwait(false);
        const int None = 0;
        if (_socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.Error) is int error and not None)
        {
            throw new SocketException(error);
        }
    }

    private ValueTask WaitToWrite()
    {
        _write.Reset();
        _writing = true;
        Want(_wantsRead, write: true);
        return new ValueTask(this, _write.Version);
    }

    // False: the rest must wait until the connection takes more.
    private bool TrySend(out SocketError error)
    {
        error = SocketError.Success;
        while (!_unsent.IsEmpty)
        {
            int count = _socket.Send(_unsent.Span, SocketFlags.None, out error);
            if (error != SocketError.Success)
            {
                return error != SocketError.WouldBlock;
            }

            _unsent = _unsent[count..];
        }

        return true;
    }

    private void Want(bool read, bool write)
    {
        if (read != _wantsRead || write != _wantsWrite)
        {
            (_wantsRead, _wantsWrite) = (read, write);
            if (_id is { } id)
            {
                _poller.Change(_socket, id, read, write);
            }
            else
            {
                _id = _poller.Watch(_socket, this, read, write);
            }
        }
    }

    private void Abandon()
    {
        bool reading, writing;
        lock (_gate)
        {
            (reading, writing) = (_reading, _writing);
            _reading = _writing = false;
        }

        if (writing)
        {
            _write.SetException(new ObjectDisposedException(nameof(PolledStream)));
        }

        if (reading)
        {
            _read.SetException(new ObjectDisposedException(nameof(PolledStream)));
        }
    }

    private static void Complete<T>(ref ManualResetValueTaskSourceCore<T> source, T result, SocketError error)
    {
        if (error == SocketError.Success)
        {
            source.SetResult(result);
        }
        else
        {
            source.SetException(Broken(error));
        }
    }

    private static IOException Broken(SocketError error) => new($"The connection broke: {error}.", new SocketException((int)error));
}
