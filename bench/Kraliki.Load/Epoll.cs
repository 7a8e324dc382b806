using System.Buffers.Binary;
using System.ComponentModel;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Kraliki.Load;

/// <summary>Level-triggered readiness of many sockets for one thread (Linux).</summary>
/// <remarks>
/// The runtime's own socket engine would wake a pool thread per socket; the load side must not spend what it measures.
/// Sockets watched here are therefore never used with an async method.
/// </remarks>
internal sealed partial class Epoll : IDisposable
{
    public const uint Readable = 0x001;
    public const uint Writable = 0x004;

    private const int Add = 1;
    private const int Remove = 2;
    private const int Modify = 3;
    private const int MaxEvents = 1024;

    // struct epoll_event { uint32 events; uint64 data; } is packed on x86-64 only (man 2 epoll_ctl, glibc sys/epoll.h).
    private static readonly int Stride = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;

    private readonly byte[] _events = new byte[MaxEvents * Stride];
    private readonly Dictionary<int, Action<uint>> _watched = [];
    private readonly int _fd = Check(epoll_create1(0));

    public void Watch(Socket socket, Action<uint> ready)
    {
        _watched.Add(Descriptor(socket), ready);
        Control(Add, socket, Readable);
    }

    public void WantWrite(Socket socket, bool wanted) => Control(Modify, socket, wanted ? Readable | Writable : Readable);

    public void Forget(Socket socket)
    {
        _watched.Remove(Descriptor(socket));
        Control(Remove, socket, 0);
    }

    /// <summary>Calls back for every ready socket; returns after about <paramref name="timeout"/> at the latest.</summary>
    public void Wait(TimeSpan timeout)
    {
        ReadOnlySpan<long> secondsAndNanos = [timeout.Ticks / TimeSpan.TicksPerSecond, timeout.Ticks % TimeSpan.TicksPerSecond * TimeSpan.NanosecondsPerTick];
        var count = epoll_pwait2(_fd, _events, MaxEvents, secondsAndNanos, 0);
        if (count < 0)
        {
            const int Interrupted = 4;
            if (Marshal.GetLastPInvokeError() == Interrupted) return;
            throw new Win32Exception();
        }

        for (var i = 0; i < count; i++)
        {
            var entry = _events.AsSpan(i * Stride, Stride);
            var fd = (int)BinaryPrimitives.ReadUInt64LittleEndian(entry[(Stride - 8)..]);

            // An earlier callback of this round may have closed it.
            if (_watched.TryGetValue(fd, out var ready)) ready(BinaryPrimitives.ReadUInt32LittleEndian(entry));
        }
    }

    public void Dispose() => _ = close(_fd);

    private static int Descriptor(Socket socket) => (int)socket.SafeHandle.DangerousGetHandle();

    private void Control(int operation, Socket socket, uint events)
    {
        Span<byte> entry = stackalloc byte[Stride];
        entry.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(entry, events);
        BinaryPrimitives.WriteUInt64LittleEndian(entry[(Stride - 8)..], (ulong)Descriptor(socket));
        Check(epoll_ctl(_fd, operation, Descriptor(socket), entry));
    }

    private static int Check(int result) => result >= 0 ? result : throw new Win32Exception();

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_create1(int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_ctl(int epoll, int operation, int fd, Span<byte> entry);

    // Linux 5.11, glibc 2.35: the variant whose timeout is finer than a millisecond.
    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_pwait2(int epoll, [Out] byte[] events, int maxEvents, ReadOnlySpan<long> timeout, nint signalMask);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int close(int fd);
}
