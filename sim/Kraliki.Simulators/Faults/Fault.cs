using System.Text.Json.Serialization;

namespace Kraliki.Simulators.Faults;

/// <summary>What goes wrong on a connection.</summary>
public enum FaultKind
{
    /// <summary>The TCP connection is cut: no close frame, no word.</summary>
    Drop,

    /// <summary>The connection stays open but nothing is sent or read any more, for <see cref="Fault.DelayMs"/> or for ever.</summary>
    Freeze,

    /// <summary>Messages are held back by <see cref="Fault.DelayMs"/>, in order: the next <see cref="Fault.Count"/> or all that follow.</summary>
    Delay,

    /// <summary><see cref="Fault.Count"/> text messages that are no JSON.</summary>
    Garbage,

    /// <summary>The service's own error event with <see cref="Fault.Code"/> and <see cref="Fault.Reason"/>, <see cref="Fault.Count"/> times.</summary>
    ErrorEvent,

    /// <summary>A close frame with <see cref="Fault.Code"/> and <see cref="Fault.Reason"/>.</summary>
    Close,

    /// <summary>The service's own end of life, as if the maximum duration were reached.</summary>
    Expire,

    /// <summary>The audio that is sent from now on is spoilt, in the way that <see cref="Fault.Code"/> names (<see cref="DegradedAudio.Kinds"/>). What sends no audio ignores it.</summary>
    Degrade,

    /// <summary>The HTTP request, an upgrade too, is answered with status <see cref="Fault.Code"/> (default 503). It has no moment.</summary>
    Refuse,
}

/// <summary>The moment. Exactly one property is set; none means at once when the connection opens.</summary>
/// <param name="AfterMs">Milliseconds since the connection opened, or since arming when it is open already.</param>
/// <param name="AfterFrames">Audio frames since the connection opened, or since arming; what a frame is, the simulator says.</param>
/// <param name="On">Name of a protocol event; the first one after arming. The fault comes right after it.</param>
public sealed record FaultMoment(int? AfterMs = null, int? AfterFrames = null, string? On = null);

/// <summary>A fault to arm: body of <c>POST /_control/faults</c>.</summary>
/// <param name="Code">Close code for <see cref="FaultKind.Close"/> (default 1011), error code for <see cref="FaultKind.ErrorEvent"/>, HTTP status for <see cref="FaultKind.Refuse"/>, kind of damage for <see cref="FaultKind.Degrade"/> (default <c>silence</c>).</param>
/// <param name="DelayMs">Milliseconds; null for a freeze without an end.</param>
/// <param name="Count">Messages concerned; null is one, and for <see cref="FaultKind.Delay"/> all that follow.</param>
/// <param name="Connection">Id of an open connection (call, stream or session id); null takes the next that opens.</param>
/// <param name="Connections">How many of the next connections get it; 0 is every one until the faults are cleared.</param>
public sealed record Fault(
    FaultKind Kind,
    FaultMoment? At = null,
    string? Code = null,
    string? Reason = null,
    int? DelayMs = null,
    int? Count = null,
    string? Connection = null,
    int Connections = 1)
{
    /// <summary><see cref="Code"/> as a WebSocket close code.</summary>
    [JsonIgnore]
    public int CloseCode => int.TryParse(Code, out var code) ? code : 1011;

    /// <summary><see cref="Code"/> as an HTTP status.</summary>
    [JsonIgnore]
    public int HttpStatus => int.TryParse(Code, out var code) ? code : 503;

    /// <summary>What is wrong with this fault, in a sentence; null when nothing is.</summary>
    public string? Problem()
    {
        var moments = (At?.AfterMs is null ? 0 : 1) + (At?.AfterFrames is null ? 0 : 1) + (At?.On is null ? 0 : 1);
        if (moments > 1)
            return "'at' takes one of after_ms, after_frames, on.";
        if (At?.AfterMs < 0 || At?.AfterFrames < 0 || DelayMs < 0 || Count < 1 || Connections < 0)
            return "after_ms, after_frames, delay_ms and connections cannot be negative, count not below 1.";
        if (Kind == FaultKind.Delay && DelayMs is null)
            return "A delay needs delay_ms.";
        if (Kind == FaultKind.Degrade && Code is not null && !DegradedAudio.Kinds.Contains(Code))
            return $"Audio can be degraded by {string.Join(", ", DegradedAudio.Kinds)}, not by '{Code}'.";
        if (Kind == FaultKind.Refuse && (moments > 0 || Connection is not null || HttpStatus is < 400 or > 599))
            return "A refusal has an HTTP status of 400 to 599 as its code, and neither a moment nor an open connection.";
        // RFC 6455 §7.4: 1005, 1006 and 1015 never travel in a close frame; below 1000 and above 4999 nothing does.
        if (Kind == FaultKind.Close && Code is not null && (!int.TryParse(Code, out var code) || code is < 1000 or > 4999 or 1005 or 1006 or 1015))
            return $"'{Code}' is not a close code that can be sent (1000-4999 without 1005, 1006, 1015).";
        return null;
    }
}
