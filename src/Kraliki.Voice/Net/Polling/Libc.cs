using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace Kraliki.Voice.Net.Polling;

/// <summary>The handful of Linux calls that the poll loop needs; man pages 2 and 7 epoll, 2 recv, 2 send, 2 eventfd.</summary>
[SupportedOSPlatform("linux")]
internal static unsafe partial class Libc
{
    public const uint EpollIn = 0x001;
    public const uint EpollOut = 0x004;
    public const uint EpollErr = 0x008;
    public const uint EpollHup = 0x010;
    public const uint EpollRdHup = 0x2000;

    public const int CtlAdd = 1;
    public const int CtlDel = 2;
    public const int CtlMod = 3;

    public const int MsgPeek = 0x02;
    public const int MsgDontWait = 0x40;
    public const int MsgNoSignal = 0x4000;

    public const int EInterrupted = 4;
    public const int EAgain = 11;

    private const int CloseOnExec = 0x80000;
    private const int NonBlocking = 0x800;

    /// <summary>struct epoll_event is packed on x86-64 and naturally aligned elsewhere.</summary>
    public static readonly int EventSize = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;

    public static int CreateEpoll() => Checked(epoll_create1(CloseOnExec), "epoll_create1");

    public static int CreateEvent() => Checked(eventfd(0, CloseOnExec | NonBlocking), "eventfd");

    public static void Control(int epoll, int operation, int fd, uint events)
    {
        // Filled for both layouts: events at 0; data at 4 when packed, at 8 when aligned.
        byte* e = stackalloc byte[16];
        *(uint*)e = events;
        *(long*)(e + EventSize - 8) = fd;
        Checked(epoll_ctl(epoll, operation, fd, e), "epoll_ctl");
    }

    /// <returns>How many events; 0 on a timeout or a signal.</returns>
    public static int Wait(int epoll, Span<byte> events, int timeoutMs)
    {
        fixed (byte* e = events)
        {
            int count = epoll_wait(epoll, e, events.Length / EventSize, timeoutMs);
            return count >= 0 || Marshal.GetLastPInvokeError() == EInterrupted ? Math.Max(0, count) : Checked(count, "epoll_wait");
        }
    }

    public static (int Fd, uint Events) EventAt(ReadOnlySpan<byte> events, int index)
    {
        var e = events.Slice(index * EventSize, EventSize);
        return (MemoryMarshal.Read<int>(e[(EventSize - 8)..]), MemoryMarshal.Read<uint>(e));
    }

    /// <returns>Bytes; 0 when the peer is done; minus the error number otherwise.</returns>
    public static int Receive(int fd, Span<byte> buffer, int flags)
    {
        fixed (byte* b = buffer)
        {
            nint count = recv(fd, b, (nuint)buffer.Length, flags | MsgDontWait);
            return count >= 0 ? (int)count : -Marshal.GetLastPInvokeError();
        }
    }

    /// <returns>Bytes taken; minus the error number otherwise.</returns>
    public static int Send(int fd, ReadOnlySpan<byte> buffer)
    {
        fixed (byte* b = buffer)
        {
            nint count = send(fd, b, (nuint)buffer.Length, MsgDontWait | MsgNoSignal);
            return count >= 0 ? (int)count : -Marshal.GetLastPInvokeError();
        }
    }

    public static void Signal(int eventFd)
    {
        ulong one = 1;
        write(eventFd, &one, sizeof(ulong));
    }

    public static void Drain(int eventFd)
    {
        ulong value;
        read(eventFd, &value, sizeof(ulong));
    }

    private static int Checked(int result, string call)
        => result >= 0 ? result : throw new IOException($"{call} failed: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_create1(int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_ctl(int epfd, int op, int fd, byte* e);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_wait(int epfd, byte* events, int maxEvents, int timeout);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int eventfd(uint initial, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recv(int fd, byte* buffer, nuint length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint send(int fd, byte* buffer, nuint length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint read(int fd, void* buffer, nuint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint write(int fd, void* buffer, nuint length);
}
