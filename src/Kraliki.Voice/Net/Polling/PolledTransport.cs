using System.Net.Sockets;
using System.Runtime.Versioning;

namespace Kraliki.Voice.Net.Polling;

/// <summary>Transport over a plain TCP socket watched by the <see cref="PollLoop"/>.</summary>
/// <remarks>
/// <para>The socket's own asynchronous methods must never have been used: they would register it with the runtime's engine,
/// which then wakes up for every packet as well.</para>
/// <para>Ends on the loop's thread only: closing shuts the socket down, the loop sees that as an end of stream.</para>
/// </remarks>
/// <param name="received">Bytes that came with the handshake.</param>
[SupportedOSPlatform("linux")]
internal sealed class PolledTransport(Socket socket, byte[] received) : ByteTransport
{
    private const uint Reading = Libc.EpollIn | Libc.EpollRdHup;

    private readonly Lock _sending = new();
    private readonly int _fd = (int)socket.Handle;
    private MediaSocket? _owner;
    private byte[] _buffer = new byte[4096];
    private int _from;
    private int _to;
    private bool _blocked;
    private bool _closeWhenSent;
    private volatile bool _ended;

    public override void Start(MediaSocket owner)
    {
        _owner = owner;
        if (received.Length > 0)
        {
            owner.OnBytes(received);
        }

        PollLoop.Shared.Add(_fd, new Reader(this), Reading);
    }

    public override void Flush()
    {
        lock (_sending)
        {
            if (!_blocked && !_ended)
            {
                SendAll();
            }
        }
    }

    public override void FlushAndClose()
    {
        lock (_sending)
        {
            _closeWhenSent = true;
            if (!_blocked && !_ended)
            {
                SendAll();
            }
        }
    }

    public override void Close()
    {
        lock (_sending)
        {
            if (!_ended)
            {
                Shutdown();
            }
        }
    }

    /// <summary>Sends until everything is out or the kernel's buffer is full; then the loop tells when there is room.</summary>
    private void SendAll()
    {
        while (true)
        {
            if (_from == _to)
            {
                _from = 0;
                _to = _owner!.TakeOutgoing(ref _buffer);
                if (_to == 0)
                {
                    if (_closeWhenSent)
                    {
                        Shutdown();
                    }

                    return;
                }
            }

            int count = Libc.Send(_fd, _buffer.AsSpan(_from, _to - _from));
            if (count >= 0)
            {
                _from += count;
            }
            else if (count == -Libc.EAgain)
            {
                _blocked = true;
                PollLoop.Shared.Change(_fd, Reading | Libc.EpollOut);
                return;
            }
            else if (count != -Libc.EInterrupted)
            {
                Shutdown();
                return;
            }
        }
    }

    private void Shutdown()
    {
        try
        {
            socket.Shutdown(SocketShutdown.Both);
        }
        catch (SocketException)
        {
            // The peer has already gone; the loop hears of it from the kernel.
        }
    }

    private void OnReady(uint events, Span<byte> scratch)
    {
        if ((events & Libc.EpollOut) != 0)
        {
            lock (_sending)
            {
                _blocked = false;
                PollLoop.Shared.Change(_fd, Reading);
                SendAll();
            }
        }

        if ((events & (Libc.EpollIn | Libc.EpollRdHup | Libc.EpollHup | Libc.EpollErr)) == 0)
        {
            return;
        }

        int count = Libc.Receive(_fd, scratch, 0);
        if (count > 0)
        {
            _owner!.OnBytes(scratch[..count]);
        }
        else if (count != -Libc.EAgain && count != -Libc.EInterrupted)
        {
            End();
        }
    }

    private void End()
    {
        lock (_sending)
        {
            if (_ended)
            {
                return;
            }

            _ended = true;
            PollLoop.Shared.Remove(_fd);
            socket.Dispose();
        }

        _owner!.OnTransportEnd();
    }

    private sealed class Reader(PolledTransport transport) : Polled
    {
        public override void OnReady(uint events, Span<byte> scratch) => transport.OnReady(events, scratch);
    }
}
