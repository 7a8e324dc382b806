using System.Net;
using System.Net.Sockets;

namespace Kraliki.Tests.Shared;

internal static class Loopback
{
    /// <summary>A port that is free now, for whoever must know it before it listens or come back to it. All others listen at port 0.</summary>
    public static int FreePort()
    {
        using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        probe.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)probe.LocalEndPoint!).Port;
    }
}
