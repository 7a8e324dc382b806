namespace Kraliki.Server.HotTier;

/// <summary>How long the hot tier is waited for. A singleton; read when needed.</summary>
internal sealed class HotTierLimits
{
    /// <summary>What a request gives it: longer than any answer of a healthy one, short enough that nobody notices a sick one.</summary>
    public TimeSpan RequestPatience { get; set; } = TimeSpan.FromMilliseconds(3);

    /// <summary>What is waited when the database does not answer, so that this is the only answer there is; and by whoever keeps nobody waiting.</summary>
    public TimeSpan LastResortPatience { get; set; } = TimeSpan.FromMilliseconds(250);

    /// <summary>How often it is asked whether it is well.</summary>
    public TimeSpan ProbeInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The same while it is not.</summary>
    public TimeSpan ProbeIntervalWhileAway { get; set; } = TimeSpan.FromMilliseconds(250);

    /// <summary>A connection over which nothing came for so long is thrown away: the other end may be gone without a word, and TCP needs minutes to find out.</summary>
    public TimeSpan GiveUpAfter { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>How long the database is waited for when the hot tier can answer too.</summary>
    public TimeSpan DatabasePatience { get; set; } = TimeSpan.FromSeconds(1);
}
