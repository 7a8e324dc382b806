using System.Globalization;
using Kraliki.Contracts;
using Kraliki.Server.Hosting;

namespace Kraliki.Server.Providers;

/// <summary>When a failing provider gets no calls, and when it gets them again.</summary>
/// <param name="Failures">So many one after the other open the breaker. Default: 5.</param>
/// <param name="OpenSeconds">So long it is left alone before a probe tries it. Default: 60.</param>
/// <param name="Successes">So many probes one after the other close it again. Default: 2.</param>
public sealed record BreakerRules(int Failures = 5, int OpenSeconds = 60, int Successes = 2)
{
    internal static BreakerRules Read(ConfigurationReader reader)
    {
        var standard = new BreakerRules();
        return new(
            reader.Number("Providers:Breaker:Failures", 1, 1000) ?? standard.Failures,
            (int?)reader.Seconds("Providers:Breaker:OpenSeconds", 1, 3600)?.TotalSeconds ?? standard.OpenSeconds,
            reader.Number("Providers:Breaker:Successes", 1, 100) ?? standard.Successes);
    }
}

/// <summary>Something that was learned of a provider.</summary>
/// <param name="At">By the clock of the node that learned it.</param>
internal abstract record Finding(DateTimeOffset At)
{
    /// <summary>A call was answered.</summary>
    public sealed record CallAnswered(DateTimeOffset At, TimeSpan ConnectTime) : Finding(At);

    public sealed record CallFailed(DateTimeOffset At, ProviderFailure Failure, string Detail) : Finding(At);

    /// <summary>A node tries it now; the others need not.</summary>
    public sealed record ProbeBegun(DateTimeOffset At) : Finding(At);

    public sealed record ProbeEnded(DateTimeOffset At, ProbeView Probe) : Finding(At);

    /// <summary>Somebody wants it to get calls again.</summary>
    public sealed record Reset(DateTimeOffset At, string By) : Finding(At);
}

/// <summary>All that is known of a provider and model, and the row of it: what is learned next makes the next version. Has no clock and no memory of its own.</summary>
/// <remarks>
/// <code>
///            failures in a row, or a refused key
///  CLOSED ────────────────────────────────────────► OPEN ◄──┐
///    ▲  ▲                                            │      │ a failure
///    │  └──────────── reset by a person ─────────────┤      │
///    │                                   OpenSeconds │      │
///    └──────────── successes in a row ────────── HALF_OPEN ─┘
/// </code>
/// What was learned before the last change of state, and arrives after it, is counted but decides nothing.
/// </remarks>
internal sealed record Breaker
{
    /// <summary>A node that began a probe and died leaves it to another after this; longer than <see cref="ProviderProbe.Longest"/>.</summary>
    public static readonly TimeSpan ProbeLease = TimeSpan.FromSeconds(30);

    // Two successes in the same second would be one.
    private static readonly TimeSpan BetweenProbes = TimeSpan.FromSeconds(2);

    private const int MostRecent = 50;
    private const string Failed = "x";

    public required string Provider { get; init; }

    /// <summary>Empty when it has no such thing.</summary>
    public required string Model { get; init; }

    public BreakerState State { get; init; }

    /// <summary>In a row.</summary>
    public int Failures { get; init; }

    /// <summary>In a row, since it is half open.</summary>
    public int Successes { get; init; }

    /// <summary>Null: it was never in another state.</summary>
    public DateTimeOffset? ChangedAt { get; init; }

    /// <summary>When it is to be tried next; null while it is closed.</summary>
    public DateTimeOffset? ProbeAt { get; init; }

    /// <summary>The newest connections of calls, oldest first: milliseconds until ready, or <c>x</c>, separated by blanks.</summary>
    public string Recent { get; init; } = "";

    public string? LastError { get; init; }

    public DateTimeOffset? LastErrorAt { get; init; }

    public ProbeView? LastProbe { get; init; }

    /// <summary>Counts commits, from 1; 0 is not in the database yet.</summary>
    public long Version { get; init; }

    public bool IsDue(DateTimeOffset now) => State != BreakerState.Closed && ProbeAt <= now;

    /// <param name="changes">Gets the changes of state that this makes.</param>
    public Breaker After(Finding finding, BreakerRules rules, ICollection<BreakerChange> changes)
    {
        var step = new Step(this, finding.At, rules, changes);
        var late = finding.At < ChangedAt;
        return finding switch
        {
            Finding.CallAnswered call => (late ? this : step.Succeeded()) with { Recent = WithRecent(((long)call.ConnectTime.TotalMilliseconds).ToString(CultureInfo.InvariantCulture)) },
            Finding.CallFailed call => (late || call.Failure == ProviderFailure.Expired ? this : step.FailedBecause(call.Failure, call.Detail)) with
            {
                // The end of a connection's own life says nothing of the next one.
                Recent = call.Failure == ProviderFailure.Expired ? Recent : WithRecent(Failed),
                LastError = BreakerTables.Cut(call.Detail),
                LastErrorAt = call.At,
            },
            Finding.ProbeBegun => step.Tried(),
            Finding.ProbeEnded { Probe: { Passed: true } probe } => (late ? this : step.Proven()) with { LastProbe = probe },
            Finding.ProbeEnded { Probe: var probe } => (late ? this : step.FailedBecause(probe.Failure ?? ProviderFailure.Error, probe.Detail)) with
            {
                LastProbe = probe,
                LastError = BreakerTables.Cut(probe.Detail),
                LastErrorAt = finding.At,
            },
            Finding.Reset reset => step.To(BreakerState.Closed, "It was reset.", reset.By) with { Failures = 0, Successes = 0, ProbeAt = null },
            _ => throw new ArgumentOutOfRangeException(nameof(finding), finding, "Nobody decided what follows from this."),
        };
    }

    public ProviderHealthView ToView()
    {
        var recent = Recent.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        int[] times = [.. recent.Where(one => one != Failed).Select(one => int.Parse(one, CultureInfo.InvariantCulture)).Order()];
        return new(
            Provider,
            Model.Length == 0 ? null : Model,
            State,
            ChangedAt,
            Failures,
            recent.Length,
            recent.Length == 0 ? null : Math.Round((double)times.Length / recent.Length, 3),
            Percentile(times, 0.5),
            Percentile(times, 0.95),
            LastError,
            LastErrorAt,
            ProbeAt,
            LastProbe);
    }

    private static int? Percentile(int[] sorted, double share) => sorted.Length == 0 ? null : sorted[(int)Math.Ceiling(share * sorted.Length) - 1];

    private string WithRecent(string one) => string.Join(' ', Recent.Split(' ', StringSplitOptions.RemoveEmptyEntries).Append(one).TakeLast(MostRecent));

    private readonly record struct Step(Breaker Before, DateTimeOffset At, BreakerRules Rules, ICollection<BreakerChange> Changes)
    {
        /// <summary>While it is open a call's success decides nothing: the call began before.</summary>
        public Breaker Succeeded() => Before.State switch
        {
            BreakerState.Closed => Before with { Failures = 0 },
            BreakerState.HalfOpen when Before.Successes + 1 >= Rules.Successes =>
                To(BreakerState.Closed, $"It answered {Before.Successes + 1} times in a row.") with { Failures = 0, Successes = 0, ProbeAt = null },
            BreakerState.HalfOpen => Before with { Successes = Before.Successes + 1, ProbeAt = At + BetweenProbes },
            _ => Before,
        };

        public Breaker FailedBecause(ProviderFailure failure, string detail)
        {
            var failures = Before.Failures + 1;
            if (Before.State == BreakerState.Open)
            {
                return Before;
            }

            if (Before.State == BreakerState.Closed && failure != ProviderFailure.Unauthorized && failures < Rules.Failures)
            {
                return Before with { Failures = failures };
            }

            var cause = Before.State == BreakerState.HalfOpen ? $"It was tried and failed: {detail}"
                : failure == ProviderFailure.Unauthorized ? $"It refuses the key: {detail}"
                : $"It failed {failures} times in a row, at last: {detail}";
            return To(BreakerState.Open, cause) with { Failures = failures, Successes = 0, ProbeAt = At + TimeSpan.FromSeconds(Rules.OpenSeconds) };
        }

        public Breaker Tried() => Before.State switch
        {
            BreakerState.Closed => Before,
            BreakerState.Open => To(BreakerState.HalfOpen, "It is being tried.") with { Successes = 0, ProbeAt = At + ProbeLease },
            _ => Before with { ProbeAt = At + ProbeLease },
        };

        /// <summary>A probe that somebody asked for may come while it is open still.</summary>
        public Breaker Proven() => Before.State == BreakerState.Open ? (this with { Before = Tried() }).Succeeded() : Succeeded();

        public Breaker To(BreakerState state, string cause, string by = "server")
        {
            if (Before.State == state)
            {
                return Before;
            }

            Changes.Add(new BreakerChange(At, Before.Provider, Before.Model.Length == 0 ? null : Before.Model, Before.State, state, cause, by));
            return Before with { State = state, ChangedAt = At };
        }
    }
}
