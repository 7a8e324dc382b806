namespace Kraliki.Simulators.Callers;

/// <summary>A line that the caller said. All times are milliseconds since the call was answered.</summary>
/// <param name="OverAgent">The agent was speaking when it began.</param>
/// <param name="ClearedAfterMs">From its start to the first <c>clear</c> after it, when it began over the agent.</param>
/// <param name="FirstAnswerMs">From its end to the arrival of the first audible answer audio; null when the agent was still speaking at its end, or never answered.</param>
public sealed record SaidLine(
    LineKind Kind, string Text, long StartMs, long? EndMs, bool OverAgent, int? ClearedAfterMs, int? FirstAnswerMs);

/// <summary>An expectation of the script, placed behind the line it is about.</summary>
/// <param name="AfterLine">Index of that line in the report; -1 when nothing had been said.</param>
public sealed record PlacedExpectation(string Description, int AfterLine, long AtMs);

/// <summary>Measures a conversation from the caller's end of the line. Not safe from several threads at once.</summary>
public sealed class ConversationLog
{
    private readonly List<SaidLine> _lines = [];
    private readonly List<PlacedExpectation> _expectations = [];
    private int _awaiting = -1;

    public IReadOnlyList<SaidLine> Lines => _lines;

    public IReadOnlyList<PlacedExpectation> Expectations => _expectations;

    public void LineStarted(LineKind kind, string text, long nowMs, bool overAgent)
    {
        // A backchannel asks for no answer: the agent goes on with the one it gives.
        if (kind != LineKind.Backchannel)
            _awaiting = -1;
        _lines.Add(new SaidLine(kind, text, nowMs, null, overAgent, null, null));
    }

    /// <param name="agentSpeaking">The agent can be heard, so that what arrives next is no fresh answer.</param>
    public void LineEnded(long nowMs, bool agentSpeaking)
    {
        var last = _lines.Count - 1;
        _lines[last] = _lines[last] with { EndMs = nowMs };
        if (_lines[last].Kind != LineKind.Backchannel && !agentSpeaking)
            _awaiting = last;
    }

    public void Cleared(long nowMs)
    {
        if (_lines is [.., { OverAgent: true, ClearedAfterMs: null } last])
            _lines[^1] = last with { ClearedAfterMs = (int)(nowMs - last.StartMs) };
    }

    public void AnswerArrived(long nowMs)
    {
        if (_awaiting < 0)
            return;
        var line = _lines[_awaiting];
        _lines[_awaiting] = line with { FirstAnswerMs = (int)(nowMs - line.EndMs!.Value) };
        _awaiting = -1;
    }

    public void Expected(ScriptExpectation expectation, long nowMs) =>
        _expectations.Add(new PlacedExpectation(expectation.Description, _lines.Count - 1, nowMs));
}
