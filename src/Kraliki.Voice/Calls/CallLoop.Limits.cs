using System.Globalization;
using Kraliki.Contracts;

namespace Kraliki.Voice.Calls;

/// <summary>When the assistant says goodbye by itself. Null is never.</summary>
/// <param name="Call">Of the conversation, breaks of the line included.</param>
/// <param name="Silence">Of nobody saying anything.</param>
public sealed record CallLimits(TimeSpan? Call, TimeSpan? Silence);

/// <content>Notices that a conversation lasts too long, or is none any more.</content>
public sealed partial class CallLoop
{
    // Whoever follows instructions word by word speaks what stands behind "say:", and nothing of the rest.
    internal const string TimeIsOver =
        "The call has reached the longest time that it may last. Answer nothing more, and in the language of the caller say: We have reached the end of the time for this call. Goodbye!";

    internal const string NobodyThere =
        "Nobody has said anything for a long time. Answer nothing more, and in the language of the caller say: I cannot hear anybody, so I end the call here. Goodbye!";

    private CallLimits? _limits;
    private Goodbye? _goodbyeToNobody;
    private double? _quietSince;

    // Somebody has put the caller on hold: he waits for a person, and nothing is too long or too quiet.
    private bool _onHold;

    private void KeepLimits(double now)
    {
        if (_limits is null)
        {
            return;
        }

        if (_goodbyeToNobody is not null && _goodbye == _goodbyeToNobody && (_onHold || _turns.Count > 0))
        {
            // There is somebody after all.
            _goodbye = _goodbyeToNobody = null;
        }

        if (_onHold)
        {
            _quietSince = null;
            return;
        }

        // Who waits for an answer, or for what a tool finds out, does not keep silent.
        bool quiet = _chain is { Connection: not null, Owing: false } && _pendingTools.Count == 0 && NobodySpeaks && !_player.Paused && !_player.Speaking(now);
        _quietSince = quiet ? _quietSince ?? now : null;
        if (_goodbye is not null)
        {
            return;
        }

        if (_limits.Call is { } longest && _mediaMs >= longest.TotalMilliseconds)
        {
            _goodbye = new(
                new EndAfterGoodbye(
                    EndReason.AssistantEnded,
                    string.Create(CultureInfo.InvariantCulture, $"The call has reached its limit of {longest.TotalMinutes:0.##} min."),
                    TimeIsOver),
                now);
        }
        else if (_limits.Silence is { } silence && now - _quietSince >= silence.TotalMilliseconds)
        {
            _goodbye = _goodbyeToNobody = new(
                new EndAfterGoodbye(
                    EndReason.AssistantEnded,
                    string.Create(CultureInfo.InvariantCulture, $"Nobody said anything for {silence.TotalSeconds:0} seconds."),
                    NobodyThere),
                now);
        }
    }
}
