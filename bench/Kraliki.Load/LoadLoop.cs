using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Kraliki.Load;

/// <summary>One thread that plays every caller and the echoing provider.</summary>
/// <remarks>
/// 1. take what is readable; 2. send the frames whose slot has come; 3. adopt calls that were opened meanwhile.
/// A call sends in one of 200 slots of 100 µs on an absolute clock, and calls are spread evenly over the slots: as real
/// callers, they do not speak in step, so the server cannot batch what would not come together in life.
/// </remarks>
internal sealed class LoadLoop : IDisposable
{
    private const int SlotMicros = 100;
    private const int Slots = 20_000 / SlotMicros;

    private readonly LoadOptions _options;
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly List<SimulatedCall>[] _slots = [.. Enumerable.Range(0, Slots).Select(_ => new List<SimulatedCall>())];

    // Unbounded by type, bounded by the number of calls asked for.
    private readonly ConcurrentQueue<OpenedCall> _opened = new();
    private readonly Thread _thread;
    private volatile bool _stopping;
    private int _adopted;
    private int _providers;

    public LoadLoop(LoadOptions options)
    {
        _options = options;
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, options.EchoPort));
        _listener.Listen(1024);
        _listener.Blocking = false;
        Epoll.Watch(_listener, _ => Accept());
        _thread = new Thread(Run) { Name = "load", IsBackground = true };
        _thread.Start();
    }

    public Epoll Epoll { get; } = new();

    /// <summary>Receive buffer shared by all links of this thread.</summary>
    public byte[] Scratch { get; } = new byte[256 * 1024];

    public Tally Tally { get; } = new();

    /// <summary>How late the loop was at worst in sending a frame, milliseconds: above a few, the load side is the bottleneck.</summary>
    public long WorstLatenessMs { get; private set; }

    /// <summary>Any thread.</summary>
    public void Adopt(OpenedCall call) => _opened.Enqueue(call);

    /// <summary>Hangs up every call and ends the thread.</summary>
    public void Stop()
    {
        _stopping = true;
        _thread.Join();
    }

    public void Dispose()
    {
        Stop();
        _listener.Dispose();
        Epoll.Dispose();
    }

    private void Run()
    {
        var start = Stopwatch.GetTimestamp();
        long tick = 0;
        while (!_stopping)
        {
            Epoll.Wait(UntilNextFrame(start, tick));
            var now = (long)Stopwatch.GetElapsedTime(start).TotalMicroseconds / SlotMicros;
            if (Tally.Measuring) WorstLatenessMs = Math.Max(WorstLatenessMs, (now - tick) * SlotMicros / 1000);
            while (tick < now)
            {
                tick++;
                foreach (var call in _slots[tick % Slots]) call.SendFrame();
            }

            while (_opened.TryDequeue(out var opened))
            {
                // 77 and 200 have no common divisor: neighbours in time of opening land in distant slots, all slots fill evenly.
                _slots[_adopted++ * 77 % Slots].Add(new SimulatedCall(opened, this, _options.AccountSid));
                Tally.CallOpened();
            }
        }

        foreach (var call in _slots.SelectMany(slot => slot)) call.HangUp();
    }

    private TimeSpan UntilNextFrame(long start, long tick)
    {
        // A millisecond at most, so that newly opened calls are not kept waiting.
        const int MostSlots = 1000 / SlotMicros;
        var slot = 1;
        while (slot < MostSlots && _slots[(tick + slot) % Slots].Count == 0) slot++;
        var wait = TimeSpan.FromMicroseconds((tick + slot) * SlotMicros) - Stopwatch.GetElapsedTime(start);
        return wait > TimeSpan.Zero ? wait : TimeSpan.Zero;
    }

    private void Accept()
    {
        try
        {
            _ = new EchoSession(_listener.Accept(), this, ++_providers, _options.AnswerMs);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.WouldBlock)
        {
            // The peer gave up between the readiness event and the accept.
        }
    }
}
