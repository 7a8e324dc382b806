using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Kraliki.Voice.Net;

/// <summary>What a <see cref="Poller"/> calls when its socket is ready. On the poller's thread, one call at a time; must not block.</summary>
/// <remarks>Disposed when <see cref="OnReady"/> throws.</remarks>
internal interface IPolled : IDisposable
{
    void OnReady(bool readable, bool writable);
}

/// <summary>One thread that waits for many sockets by Linux <c>epoll</c>, level-triggered, and handles them where it stands.</summary>
/// <remarks>
/// <para>The runtime's own sockets hand every completion to the thread pool: a wake-up and a hop for each frame, which cost
/// more than the frame (docs/performance.md). Here both sockets of a call are read, handled and written on the same thread,
/// and what one wait brought leaves together (<see cref="FlushScope"/>).</para>
/// <para>A watched socket must never be used with an async method: that would register it with the runtime's engine too.</para>
/// </remarks>
internal sealed partial class Poller
{
    private const int AddSocket = 1;
    private const int RemoveSocket = 2;
    private const int ModifySocket = 3;
    private const uint Readable = 0x001;
    private const uint Writable = 0x004;
    private const int CloseOnExec = 0x80000;
    private const int MaxEvents = 512;

    // Rounds begin at least 1 ms apart: from about 10 calls on, one wake-up then serves several messages. A wake-up costs more
    // than a message, and nobody hears a millisecond (docs/performance.md).
    private static readonly long RoundSpacing = Stopwatch.Frequency / 1000;

    // struct epoll_event { uint32 events; uint64 data; } is packed on x86-64 and only there (man 2 epoll_ctl).
    private static readonly int Stride = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;

    // Half of the cores carry audio; the others are left to the web server, grains and journal.
    private static readonly Lazy<Poller[]> Pollers = new(() => [.. Enumerable.Range(0, Math.Max(1, Environment.ProcessorCount / 2)).Select(i => new Poller(i))]);
    private static int _next;

    private readonly int _epoll;
    private readonly ConcurrentDictionary<long, IPolled> _watched = [];
    private readonly byte[] _events = new byte[MaxEvents * Stride];
    private long _lastId;

    private Poller(int number)
    {
        _epoll = Check(epoll_create1(CloseOnExec));
        new Thread(Run) { Name = $"media {number}", IsBackground = true }.Start();
    }

    public static bool Supported => OperatingSystem.IsLinux();

    /// <summary>The pollers of this process in turn; started when first asked for.</summary>
    public static Poller Next() => Pollers.Value[(uint)Interlocked.Increment(ref _next) % (uint)Pollers.Value.Length];

    /// <summary>Starts to watch. Any thread; the first call may come before this returns.</summary>
    /// <remarks>Whatever is asked for, a hang-up is reported too, as readable.</remarks>
    /// <returns>A number for the other methods. The socket's descriptor would not do: the system gives it out again.</returns>
    public long Watch(Socket socket, IPolled polled, bool read, bool write)
    {
        long id = Interlocked.Increment(ref _lastId);
        _watched[id] = polled;
        Control(AddSocket, socket, id, Events(read, write));
        return id;
    }

    /// <summary>Says what to wait for. Any thread.</summary>
    public void Change(Socket socket, long id, bool read, bool write)
        => Control(ModifySocket, socket, id, Events(read, write));

    /// <summary>Stops to watch. Before the socket is disposed.</summary>
    public void Forget(Socket socket, long id)
    {
        _watched.TryRemove(id, out _);
        try
        {
            Control(RemoveSocket, socket, id, 0);
        }
        catch (IOException)
        {
            // The system forgets a closed descriptor by itself, and an event of an unknown number is passed over.
        }
    }

    private void Run()
    {
        long lastRound = 0;
        while (true)
        {
            Space(ref lastRound);
            int count = epoll_wait(_epoll, _events, MaxEvents, -1);
            if (count < 0)
            {
                const int Interrupted = 4;
                if (Marshal.GetLastPInvokeError() == Interrupted)
                {
                    continue;
                }

                throw new Win32Exception();
            }

            using var scope = FlushScope.Enter();
            for (int i = 0; i < count; i++)
            {
                var entry = _events.AsSpan(i * Stride, Stride);
                uint events = BinaryPrimitives.ReadUInt32LittleEndian(entry);

                // Not found: forgotten meanwhile.
                if (_watched.TryGetValue(BinaryPrimitives.ReadInt64LittleEndian(entry[(Stride - 8)..]), out var polled))
                {
                    // Errors and hang-ups are reported as other bits; the next read or write tells what they are.
                    try
                    {
                        polled.OnReady((events & ~Writable) != 0, (events & Writable) != 0);
                    }
                    catch (Exception)
                    {
                        // The edge between one connection and the thread that all share: that one ends, and whoever reads it learns so.
                        polled.Dispose();
                    }
                }
            }
        }
    }

    /// <summary>Sleeps until a round may begin again. What is ready meanwhile is found by the next wait at once.</summary>
    private static void Space(ref long lastRound)
    {
        long now = Stopwatch.GetTimestamp();
        long left = lastRound + RoundSpacing - now;
        if (left > 0)
        {
            ReadOnlySpan<long> secondsAndNanos = [0, left * 1_000_000_000 / Stopwatch.Frequency];
            _ = nanosleep(secondsAndNanos, 0);
            now = Stopwatch.GetTimestamp();
        }

        lastRound = now;
    }

    private void Control(int operation, Socket socket, long id, uint events)
    {
        Span<byte> entry = stackalloc byte[Stride];
        entry.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(entry, events);
        BinaryPrimitives.WriteInt64LittleEndian(entry[(Stride - 8)..], id);
        Check(epoll_ctl(_epoll, operation, (int)socket.SafeHandle.DangerousGetHandle(), entry));
    }

    private static uint Events(bool read, bool write) => (read ? Readable : 0) | (write ? Writable : 0);

    // As any other failure of a connection's input and output: whoever reads or writes knows what to do with it.
    private static int Check(int result) => result >= 0 ? result : throw new IOException("epoll failed.", new Win32Exception());

    [LibraryImport("libc")]
    private static partial int nanosleep(ReadOnlySpan<long> duration, nint remaining);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_create1(int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_ctl(int epoll, int operation, int descriptor, Span<byte> entry);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_wait(int epoll, [Out] byte[] events, int maxEvents, int timeoutMs);
}
