using Kraliki.Simulators.Callers;

namespace Kraliki.Server.Rehearsals.Matrix;

/// <param name="AtOnce">In the middle of an answer; otherwise asked for while the caller speaks, and done when nobody does.</param>
internal sealed record CellSwitch(string Target, bool AtOnce)
{
    public CellMoment Moment => AtOnce ? CellMoment.InAnswer : CellMoment.InFirstLine;

    public string Name => $"switch_to_{Target}{(AtOnce ? "_at_once" : "")}";
}

/// <summary>One call of the matrix: a script, a provider, and what happens to it. Nothing happens when both are null.</summary>
internal sealed record MatrixCell(CallerScript Script, string Provider, CellFault? Fault = null, CellSwitch? Switch = null)
{
    public string Event => Fault?.Name ?? Switch?.Name ?? "peace";

    /// <summary><c>booking/openai/drop</c>.</summary>
    public string Name => $"{Script.Name}/{Provider}/{Event}";

    /// <summary>Nothing happens to it.</summary>
    public bool Peaceful => Fault is null && Switch is null;

    public CellMoment Moment => Fault?.Moment ?? Switch?.Moment ?? CellMoment.BeforeCall;

    /// <summary>Every script with every provider in peace and with each fault, and the default script with a switch from each provider to each other, at a boundary and at once.</summary>
    public static IReadOnlyList<MatrixCell> All(IReadOnlyList<CallerScript> scripts, IReadOnlyList<string> providers) =>
    [
        .. from script in scripts from provider in providers select new MatrixCell(script, provider),
        .. from script in scripts
           from fault in CellFault.All
           where providers.Contains(fault.Provider) && (script.Lines > 0 || !fault.NeedsCaller) && (fault.Survival != Survival.Recycled || LeavesPauses(script))
           select new MatrixCell(script, fault.Provider, Fault: fault),
        .. from provider in providers
           from target in providers
           from atOnce in new[] { false, true }
           where target != provider
           select new MatrixCell(scripts[0], provider, Switch: new(target, atOnce)),
    ];

    // Who asks once and hangs up in the middle of the answer leaves no moment in which a connection could be exchanged.
    private static bool LeavesPauses(CallerScript script) => script.Lines != 1 || script.Steps[^1] is not HangUpStep { When.Kind: TimingKind.Speech };
}
