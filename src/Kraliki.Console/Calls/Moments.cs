using Kraliki.Contracts;
using Kraliki.OperatorConsole.Design;
using Kraliki.OperatorConsole.Text;

namespace Kraliki.OperatorConsole.Calls;

/// <summary>Facts of the journal as moments of the transcript. Facts that say nothing new to a reader give null.</summary>
public static class Moments
{
    public static MomentEntry? Of(SessionEvent entry, long? atMs) => entry.Data switch
    {
        SessionCreated fact => Quiet(entry, atMs, Glyphs.Phone, fact.Metadata.ContainsKey(Practice.MetadataKey)
            ? "Practice call set up"
            : "Call set up"),
        CarrierConnected fact => Quiet(entry, atMs, Glyphs.Phone, $"Line open through {CallWords.Carrier(fact.Carrier)}"),
        ProviderConnected fact => Quiet(entry, atMs, Glyphs.Plug, fact.ConnectMs < 50
            ? $"{CallWords.Provider(fact.Provider)} took the call"
            : $"{CallWords.Provider(fact.Provider)} took the call · {CallWords.Seconds(fact.ConnectMs)} s to connect"),
        ProviderFailed fact => Attention(entry, atMs, Glyphs.Plug, ProviderWords.Of(fact)),
        ProviderSwitched fact => Quiet(entry, atMs, Glyphs.Swap, ProviderWords.Of(fact)),
        ProviderSwitchFailed fact => Attention(entry, atMs, Glyphs.Swap, ProviderWords.Of(fact)),
        FailoverPolicyChanged fact => Quiet(entry, atMs, Glyphs.Sliders, ProviderWords.Of(fact)),
        CallbackRequested fact => Quiet(entry, atMs, Glyphs.Phone, $"The assistant promised a call back: {fact.When}{(fact.Note is { Length: > 0 } note ? $" · {note}" : null)}"),
        BargeIn fact => Quiet(entry, fact.AtMs, Glyphs.Cut, $"The caller interrupted · the assistant stopped in {Milliseconds(fact.ClearMicros)} ms"),
        FalseInterruption fact => Quiet(entry, fact.AtMs, Glyphs.Wave, fact.Heard is { Length: > 0 } heard
            ? $"“{heard}” did not interrupt; the assistant went on"
            : "A sound did not interrupt; the assistant went on"),
        DtmfReceived fact => Quiet(entry, fact.AtMs, Glyphs.Keypad, $"The caller pressed {fact.Digit}"),
        ToolCalled { Refused: true } fact => Quiet(entry, atMs, Glyphs.Tool, $"The assistant asked for {fact.Name} and was refused"),
        ToolCalled { Name: "end_call" } => null, // the ending itself follows
        ToolCalled fact => Quiet(entry, atMs, Glyphs.Tool, fact.Result is null ? $"The assistant asked for {fact.Name}" : $"The assistant used {fact.Name}"),
        ProviderNotice fact => Attention(entry, atMs, Glyphs.Info, $"{CallWords.Provider(fact.Provider)}: {fact.Message}"),
        CallInterrupted => Attention(entry, atMs, Glyphs.Warning, "The connection to the caller was lost"),
        CallResumed { GapMs: > 0 } fact => Attention(entry, atMs, Glyphs.Restart, $"The caller is back after {CallWords.Seconds(fact.GapMs)} s"),
        CallResumed => Quiet(entry, atMs, Glyphs.Restart, "The call was moved to another server"),
        MicrophoneTaken { From: null } fact => Quiet(entry, atMs, Glyphs.Microphone, $"{fact.User} took the microphone"),
        MicrophoneTaken fact when fact.From.User == fact.User => Quiet(entry, atMs, Glyphs.Microphone, $"{fact.User} moved the microphone to another tab"),
        MicrophoneTaken fact => Quiet(entry, atMs, Glyphs.Microphone, $"{fact.User} took the microphone over from {fact.From.User}"),
        MicrophoneReleased { By: "server" } fact => Quiet(entry, atMs, Glyphs.Microphone, $"{fact.User} was gone; the microphone is free"),
        MicrophoneReleased fact => Quiet(entry, atMs, Glyphs.Microphone, $"{fact.User} gave the microphone back"),
        CostWarning fact => Attention(entry, atMs, Glyphs.Warning, fact.Cost >= fact.Cap
            ? $"The call has reached its limit of {CallWords.Dollars(fact.Cap)}; the assistant says goodbye"
            : $"The call has cost {CallWords.Dollars(fact.Cost)} of at most {CallWords.Dollars(fact.Cap)}"),
        StateChanged { To: SessionState.OnHold } => Quiet(entry, atMs, Glyphs.Clock, "The caller was put on hold"),
        StateChanged { From: SessionState.OnHold, To: SessionState.Active } => Quiet(entry, atMs, Glyphs.Clock, "The caller is back from hold"),
        StateChanged { To: SessionState.Failed } fact => new($"e{entry.Seq}", atMs, MomentTone.Fault, Glyphs.Warning, Ending(fact)),
        StateChanged { To: SessionState.WrapUp or SessionState.Completed, Reason: not null } fact => Quiet(entry, atMs, Glyphs.EndCall, Ending(fact)),
        _ => null,
    };

    private static MomentEntry Quiet(SessionEvent entry, long? atMs, string glyph, string sentence) =>
        new($"e{entry.Seq}", atMs, MomentTone.Quiet, glyph, sentence);

    private static MomentEntry Attention(SessionEvent entry, long? atMs, string glyph, string sentence) =>
        new($"e{entry.Seq}", atMs, MomentTone.Attention, glyph, sentence);

    private static string Ending(StateChanged fact) =>
        fact.Reason is { } reason ? CallWords.Of(reason) : fact.Detail ?? "The call failed.";

    private static string Milliseconds(long micros) =>
        micros < 1000 ? "under 1" : ((micros + 500) / 1000).ToString(System.Globalization.CultureInfo.InvariantCulture);
}
