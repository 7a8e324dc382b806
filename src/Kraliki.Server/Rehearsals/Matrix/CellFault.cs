using Kraliki.Simulators.Faults;

namespace Kraliki.Server.Rehearsals.Matrix;

/// <summary>When something happens to a call.</summary>
internal enum CellMoment
{
    BeforeCall,

    /// <summary>In the middle of the caller's first line; when the greeting is over in a script without lines.</summary>
    InFirstLine,

    /// <summary>When he has said it: the next that the provider does is the answer.</summary>
    AfterFirstLine,

    /// <summary>The answer to it can be heard.</summary>
    InAnswer,
}

/// <summary>What a fault must lead to, besides that nothing is lost.</summary>
internal enum Survival
{
    /// <summary>Another connection has the call.</summary>
    TakenOver,

    /// <summary>The connection is exchanged before its end.</summary>
    Recycled,

    /// <summary>Whatever; the same connection may well go on.</summary>
    GoesOn,
}

/// <summary>One fault of one provider.</summary>
/// <param name="NeedsCaller">A script in which nobody says anything cannot show it.</param>
/// <param name="BlursAnswer">The caller hears a scrap of the answer to his first line and may speak on before he hears it whole.</param>
internal sealed record CellFault(
    string Provider, string Name, CellMoment Moment, Survival Survival, Action<SimulatedVendors> Arm, bool NeedsCaller = false, bool BlursAnswer = false)
{
    // Longer than the stall limit and everything that follows. Not for ever: a frozen session holds a recogniser.
    private const int FrozenMs = 25_000;
    private const int SlowMs = 700;

    public static IReadOnlyList<CellFault> All { get; } =
    [
        .. OfSocket("openai", "", vendors => vendors.OpenAI.Faults, new(FaultKind.Expire)),
        .. OfAnswers("openai", "", vendors => vendors.OpenAI.Faults, "response.output_audio.delta"),
        .. OfSocket("gemini", "", vendors => vendors.Gemini.Faults, new(FaultKind.Close, Code: "1011", Reason: "Deadline expired before operation could complete.")),
        .. OfAnswers("gemini", "", vendors => vendors.Gemini.Faults, "modelTurn"),
        Struck("gemini", "go_away", CellMoment.AfterFirstLine, Survival.Recycled, vendors => vendors.Gemini.Faults, new(FaultKind.Expire)),
        .. OfSocket("deepgram", "listen_", vendors => vendors.Deepgram.ListenFaults, new(FaultKind.Expire)),

        // Its voice is a connection that can be had again: what ends between two answers need not end the provider's part in the call.
        .. OfSocket("deepgram", "speak_", vendors => vendors.Deepgram.SpeakFaults, new(FaultKind.Expire))
            .Select(fault => fault.Name is "speak_drop" or "speak_expiry" ? fault with { Survival = Survival.GoesOn } : fault),
        .. OfAnswers("deepgram", "speak_", vendors => vendors.Deepgram.SpeakFaults, "audio"),
        .. OfModel("deepgram", "llm_", vendors => vendors.Chat.Faults),
        .. OfSocket("deepgram_agent", "", vendors => vendors.Deepgram.AgentFaults, new(FaultKind.Expire)),
        .. OfAnswers("deepgram_agent", "", vendors => vendors.Deepgram.AgentFaults, "audio"),
        OfEmbedded("refuse", CellMoment.BeforeCall, Break.Refuse),
        OfEmbedded("drop", CellMoment.InFirstLine, Break.Drop),
        OfEmbedded("freeze", CellMoment.InFirstLine, Break.Freeze) with { NeedsCaller = true },
        OfEmbedded("mid_sentence", CellMoment.AfterFirstLine, Break.DropInAnswer) with { NeedsCaller = true },
        OfEmbedded("mute", CellMoment.AfterFirstLine, Break.Mute) with { NeedsCaller = true },
    ];

    private static IEnumerable<CellFault> OfSocket(string provider, string part, Func<SimulatedVendors, FaultKit> kit, Fault expiry) =>
    [
        .. Refusals(provider, part, kit),
        Struck(provider, $"{part}drop", CellMoment.InFirstLine, Survival.TakenOver, kit, new(FaultKind.Drop)),
        Struck(provider, $"{part}freeze", CellMoment.InFirstLine, Survival.TakenOver, kit, new(FaultKind.Freeze, DelayMs: FrozenMs)) with { NeedsCaller = true },
        Slow(provider, part, kit, SlowMs),
        Struck(provider, $"{part}garbage", CellMoment.AfterFirstLine, Survival.GoesOn, kit, new(FaultKind.Garbage, Count: 3)),
        Struck(provider, $"{part}expiry", CellMoment.AfterFirstLine, Survival.TakenOver, kit, expiry),
    ];

    private static IEnumerable<CellFault> OfAnswers(string provider, string part, Func<SimulatedVendors, FaultKit> kit, string audio) =>
    [
        Struck(provider, $"{part}mid_sentence", CellMoment.AfterFirstLine, Survival.TakenOver, kit, new(FaultKind.Drop, new(On: audio))) with { NeedsCaller = true },
        Struck(provider, $"{part}mute", CellMoment.AfterFirstLine, Survival.TakenOver, kit, new(FaultKind.Degrade, Code: "silence")) with { NeedsCaller = true },
        Struck(provider, $"{part}stuck_audio", CellMoment.AfterFirstLine, Survival.TakenOver, kit, new(FaultKind.Degrade, Code: "repeat")) with { NeedsCaller = true, BlursAnswer = true },
        Struck(provider, $"{part}short_audio", CellMoment.AfterFirstLine, Survival.GoesOn, kit, new(FaultKind.Degrade, Code: "short")) with { NeedsCaller = true },
    ];

    /// <summary>A connection there is one request, which is open for as long as its answer.</summary>
    private static IEnumerable<CellFault> OfModel(string provider, string part, Func<SimulatedVendors, FaultKit> kit) =>
    [
        .. Refusals(provider, part, kit),
        Struck(provider, $"{part}drop", CellMoment.AfterFirstLine, Survival.TakenOver, kit, new(FaultKind.Drop, new(On: "request"))) with { NeedsCaller = true },
        Struck(provider, $"{part}freeze", CellMoment.AfterFirstLine, Survival.TakenOver, kit, new(FaultKind.Freeze, new(On: "request"), DelayMs: FrozenMs)) with { NeedsCaller = true },
        Slow(provider, part, kit, ms: 60),
        Struck(provider, $"{part}garbage", CellMoment.AfterFirstLine, Survival.TakenOver, kit, new(FaultKind.Garbage, new(On: "chunk"), Count: 3)) with { NeedsCaller = true },
        Struck(provider, $"{part}mid_sentence", CellMoment.AfterFirstLine, Survival.TakenOver, kit, new(FaultKind.Close, new(AfterFrames: 8))) with { NeedsCaller = true },
    ];

    private static IEnumerable<CellFault> Refusals(string provider, string part, Func<SimulatedVendors, FaultKit> kit) =>
        new[] { ("refuse", "503"), ("unauthorized", "401"), ("rate_limit", "429") }.Select(refusal => new CellFault(
            provider, part + refusal.Item1, CellMoment.BeforeCall, Survival.TakenOver,
            vendors => kit(vendors).Arm(new(FaultKind.Refuse, Code: refusal.Item2, Connections: 0))));

    private static CellFault Slow(string provider, string part, Func<SimulatedVendors, FaultKit> kit, int ms) => new(
        provider, $"{part}slow", CellMoment.BeforeCall, Survival.GoesOn, vendors => kit(vendors).Arm(new(FaultKind.Delay, DelayMs: ms, Connections: 0)));

    private static CellFault OfEmbedded(string name, CellMoment moment, Break how) =>
        new("local", name, moment, Survival.TakenOver, vendors => vendors.Local!.Fail(how));

    private static CellFault Struck(string provider, string name, CellMoment moment, Survival survival, Func<SimulatedVendors, FaultKit> kit, Fault fault) =>
        new(provider, name, moment, survival, vendors => vendors.Strike(kit(vendors), fault));
}
