namespace Kraliki.Chaos;

public enum ClusterFault
{
    /// <summary><c>kill -9</c> of a node that has calls; it is started again once its calls are elsewhere.</summary>
    KillNode,

    /// <summary>SIGSTOP for 3 to 10 s, then SIGCONT: a node that wakes up believing that its calls are still its own.</summary>
    FreezeNode,

    /// <summary>SIGTERM for one node after the other, each started again before the next.</summary>
    RollingRestart,

    /// <summary><c>kill -9</c> of PostgreSQL with all its connections; it is started again after 1 to 4 s.</summary>
    KillPostgres,

    /// <summary>SIGSTOP for PostgreSQL and its connections for 2.5 to 3.5 s: it accepts connections and answers nobody, and then does what it was told before.</summary>
    FreezePostgres,

    KillRedis,

    FreezeRedis,

    FlushRedis,

    /// <summary>
    /// <c>kill -9</c> of what serves connections in nginx: every connection of every caller and console is cut at once, and
    /// nginx begins anew. A proxy that stays away is not survived by any call: the carrier reaches nobody who could take it.
    /// </summary>
    CrashProxy,

    /// <summary>The carrier's side of one media connection is reset.</summary>
    ResetMedia,
}

/// <summary>One fault and what came of it.</summary>
/// <param name="Struck">The calls that it hit; for a fault that cuts no media, all of them.</param>
public sealed record FaultResult(ClusterFault Kind, string Target, DateTimeOffset At, IReadOnlyList<StruckCall> Struck)
{
    public int LostCalls => Struck.Count(call => call.HeardAgainMs is null);
}

/// <param name="Carrier">What the simulated carrier does with this call when its media connection dies without a word, as <c>go_on:3000</c>.</param>
/// <param name="HeardAgainMs">From the fault to the agent's next sound at the caller's ear; where no media was cut, to the next answer that begins. Null: ended by it, or not back within 40 s.</param>
/// <param name="SilenceMs">How long nobody had been heard on the line then.</param>
public sealed record StruckCall(string CallSid, string Carrier, int? HeardAgainMs, int? SilenceMs);

/// <summary>Some faults in a row upon the same calls, and the comparison of all histories at the end.</summary>
public sealed record BatchResult(
    int Seed, IReadOnlyList<FaultResult> Faults, int Calls, int Events, int Writes, int AcknowledgedWrites, Comparison Comparison, double Seconds);
