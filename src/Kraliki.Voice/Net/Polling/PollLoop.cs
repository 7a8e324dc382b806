using System.Collections.Concurrent;
using System.Runtime.Versioning;

namespace Kraliki.Voice.Net.Polling;

/// <summary>What the poll loop calls when a file descriptor has something to say. Always on the loop's thread.</summary>
[SupportedOSPlatform("linux")]
internal abstract class Polled
{
    /// <param name="events">Bits of <see cref="Libc"/>: readable, writable, hung up.</param>
    /// <param name="scratch">The loop's receive buffer, to be used during the call only.</param>
    public abstract void OnReady(uint events, Span<byte> scratch);
}

/// <summary>
/// One thread that waits for all media sockets of the process at once (epoll) and handles what arrives on the spot: no
/// thread hop between the two legs of a call, one receive buffer for all, and everything that one round of waiting brought
/// leaves with one send per socket.
/// </summary>
/// <remarks>
/// Nothing on this thread may block: all calls share it. One such thread carries several hundred calls
/// (docs/performance.md); beyond that another node is the answer.
/// </remarks>
[SupportedOSPlatform("linux")]
internal sealed class PollLoop
{
    // Large enough for the biggest burst of one socket; whatever is left is told again by the next wait (level-triggered).
    private const int ScratchBytes = 128 * 1024;
    private const int EventsPerRound = 256;

    private static readonly Lazy<PollLoop> Instance = new(() => new PollLoop());

    private readonly ConcurrentDictionary<int, Polled> _polled = new();
    private readonly ConcurrentQueue<Action> _posted = new();
    private readonly int _epoll = Libc.CreateEpoll();
    private readonly int _wake = Libc.CreateEvent();

    private PollLoop()
    {
        Libc.Control(_epoll, Libc.CtlAdd, _wake, Libc.EpollIn);
        new Thread(Run) { IsBackground = true, Name = "media" }.Start();
    }

    public static PollLoop Shared => Instance.Value;

    /// <summary>Begins to watch a descriptor. From any thread.</summary>
    public void Add(int fd, Polled polled, uint events)
    {
        _polled[fd] = polled;
        Libc.Control(_epoll, Libc.CtlAdd, fd, events);
    }

    /// <summary>Watches the descriptor for other events from now on. From any thread.</summary>
    public void Change(int fd, uint events) => Libc.Control(_epoll, Libc.CtlMod, fd, events);

    /// <summary>Stops watching; call it before the descriptor is closed or given away.</summary>
    public void Remove(int fd)
    {
        if (_polled.TryRemove(fd, out _))
        {
            Libc.Control(_epoll, Libc.CtlDel, fd, 0);
        }
    }

    /// <summary>Runs something on the loop's thread. From any thread. Rare: connects and ends, never frames.</summary>
    public void Post(Action action)
    {
        _posted.Enqueue(action);
        Libc.Signal(_wake);
    }

    private void Run()
    {
        var events = new byte[EventsPerRound * Libc.EventSize];
        var scratch = new byte[ScratchBytes];
        while (true)
        {
            int count = Libc.Wait(_epoll, events, -1);
            using var scope = FlushScope.Enter();
            for (int i = 0; i < count; i++)
            {
                var (fd, bits) = Libc.EventAt(events, i);
                if (fd == _wake)
                {
                    Libc.Drain(_wake);
                    while (_posted.TryDequeue(out var action))
                    {
                        action();
                    }
                }
                else if (_polled.TryGetValue(fd, out var polled))
                {
                    polled.OnReady(bits, scratch);
                }
            }
        }
    }
}
