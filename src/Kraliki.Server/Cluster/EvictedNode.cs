namespace Kraliki.Server.Cluster;

/// <summary>
/// Ends the process when the cluster has declared it dead, most often because it was frozen for a while: its sessions have
/// gone to others, and every moment longer it speaks to callers who are no longer its own.
/// </summary>
/// <remarks>
/// The end of the process closes all media sockets at once, so carriers turn to the living nodes; whoever supervises it
/// starts it again. What comes with Orleans waits two seconds and then writes a core dump.
/// </remarks>
internal sealed partial class EvictedNode(ILogger<EvictedNode> log) : IFatalErrorHandler
{
    /// <summary>EX_TEMPFAIL of sysexits.h: try again.</summary>
    public const int ExitCode = 75;

    public bool IsUnexpected(Exception exception) => true;

    public void OnFatalException(object? sender = null, string? context = null, Exception? exception = null)
    {
        LogFatal(exception, context);

        // The log is written by a task that may not get its turn any more.
        Console.Error.WriteLine(
            "This node ends itself: the other nodes have taken it for dead, because it was frozen or cannot be reached, or its part in the cluster failed. "
            + "Its calls go on elsewhere. Start it again.");
        Environment.Exit(ExitCode);
    }
}
