namespace Kraliki.Server.Rehearsals.Matrix;

/// <summary>What one call of the matrix has shown.</summary>
/// <param name="Findings">What must not be, one sentence each; empty is a pass.</param>
/// <param name="Path">The providers that had the call, in order.</param>
/// <param name="ErrorRate">Of the caller's words; null when nothing was said.</param>
/// <param name="PeaceErrorRate">The same, of the same script with nothing happening, the worst of all providers; null when that was not run.</param>
/// <param name="AnswerMs">From the caller's last sound to the first sound of the answer, the median of the call.</param>
/// <param name="GapMs">Longest time in which nobody had the call, from the moment when a failure was noticed; null without one.</param>
/// <param name="ReplayedMs">How much was heard again by those who took over.</param>
/// <param name="Story">The journal in lines, for reading.</param>
internal sealed record CellResult(
    MatrixCell Cell,
    IReadOnlyList<string> Findings,
    double Seconds,
    IReadOnlyList<string> Path,
    int ExpectationsMet,
    int Expectations,
    double? ErrorRate,
    double? PeaceErrorRate,
    int? AnswerMs,
    int? LongestAnswerMs,
    int? GapMs,
    int ReplayedMs,
    IReadOnlyList<string> Story)
{
    public bool Passed => Findings.Count == 0;

    /// <summary>The call could not be run at all.</summary>
    public static CellResult Broken(MatrixCell cell, string why, double seconds) => new(cell, [why], seconds, [], 0, 0, null, null, null, null, null, 0, []);
}
