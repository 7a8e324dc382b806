using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using Kraliki.Voice.Audio;
using Kraliki.Voice.Net;

namespace Kraliki.Voice.Carriers;

public enum CarrierEventKind
{
    /// <summary>Nothing that concerns us: <c>connected</c>, or an event that the carrier added after this was written.</summary>
    Ignored,
    Started,
    Audio,
    Digit,
    Mark,
    Stopped,

    /// <summary>Not what the protocol allows; <see cref="CarrierEvent.Fault"/> says what.</summary>
    Malformed,
}

/// <summary>The facts with which a media stream opens.</summary>
/// <param name="Parameters">What our TwiML put into the stream: the one-time token among them.</param>
public sealed record StreamStart(string StreamSid, string CallSid, IReadOnlyDictionary<string, string> Parameters);

/// <summary>One message of the carrier, translated. Spans point into the message.</summary>
public readonly ref struct CarrierEvent
{
    public CarrierEventKind Kind { get; init; }

    /// <summary>Audio: base64 of μ-law, checked. Digit and mark: the name in UTF-8.</summary>
    public ReadOnlySpan<byte> Payload { get; init; }

    /// <summary>Audio: milliseconds since the stream began; -1 when not told.</summary>
    public long TimestampMs { get; init; }

    public StreamStart? Start { get; init; }

    public string? Fault { get; init; }
}

/// <summary>Twilio Media Streams, both directions: a pure translator without timers or state beyond the stream's name.</summary>
/// <remarks>Grammar: Twilio's "Media Streams — WebSocket Messages"; what we rely on is in docs/protocols/twilio.md.</remarks>
public sealed class TwilioLink
{
    private byte[] _mediaHead = [];
    private byte[] _markHead = [];
    private byte[] _clear = [];

    /// <summary>Translates one message. Remembers the stream's name from <c>start</c>, which everything that we send must carry.</summary>
    public CarrierEvent Read(ReadOnlySpan<byte> message)
    {
        if (TryReadMedia(message, out var frequent) || TryReadMark(message, out frequent))
        {
            return frequent;
        }

        try
        {
            return ReadSlowly(message);
        }
        catch (JsonException)
        {
            return Malformed("not JSON");
        }
        catch (InvalidOperationException)
        {
            // A JSON value of another type than the protocol's: a number for a string, an array for an object.
            return Malformed("a field has the wrong JSON type");
        }
    }

    public void SendAudio(MediaSocket socket, ReadOnlySpan<byte> base64Mulaw) => socket.Send(_mediaHead, base64Mulaw, "\"}}"u8);

    /// <summary>Twilio sends the name back when everything sent before was played, or at once after <see cref="SendClear"/>.</summary>
    public void SendMark(MediaSocket socket, ReadOnlySpan<byte> name) => socket.Send(_markHead, name, "\"}}"u8);

    /// <summary>Empties Twilio's play-out buffer.</summary>
    public void SendClear(MediaSocket socket) => socket.Send(_clear);

    /// <summary>
    /// The 50-a-second message without a JSON parser: <c>{"event":"media",…,"timestamp":"5","payload":"…"…}</c>. Anything
    /// unusual (other order, white space, escapes) is left to the parser.
    /// </summary>
    private static bool TryReadMedia(ReadOnlySpan<byte> message, out CarrierEvent media)
    {
        media = default;
        if (!message.StartsWith("{\"event\":\"media\","u8) || message[^1] != '}')
        {
            return false;
        }

        int at = message.IndexOf("\"payload\":\""u8);
        if (at < 0)
        {
            return false;
        }

        var payload = message[(at + 11)..];
        int end = payload.IndexOf((byte)'"');
        if (end <= 0 || !PlainBase64.IsValid(payload[..end]))
        {
            return false;
        }

        long timestamp = -1;
        int stamp = message.IndexOf("\"timestamp\":\""u8);
        if (stamp >= 0 && !Utf8Parser.TryParse(message[(stamp + 13)..], out timestamp, out _))
        {
            return false;
        }

        media = new CarrierEvent { Kind = CarrierEventKind.Audio, Payload = payload[..end], TimestampMs = timestamp };
        return true;
    }

    /// <summary>The other frequent message, five a second: <c>{"event":"mark",…,"mark":{"name":"…"}}</c>, as long as the name is made of digits and colons like ours.</summary>
    private static bool TryReadMark(ReadOnlySpan<byte> message, out CarrierEvent mark)
    {
        mark = default;
        if (!message.StartsWith("{\"event\":\"mark\","u8) || !message.EndsWith("\"}}"u8))
        {
            return false;
        }

        int at = message.IndexOf("\"mark\":{\"name\":\""u8);
        if (at < 0)
        {
            return false;
        }

        var name = message[(at + 16)..^3];
        if (name.ContainsAnyExcept("0123456789:"u8))
        {
            return false;
        }

        mark = new CarrierEvent { Kind = CarrierEventKind.Mark, Payload = name };
        return true;
    }

    private CarrierEvent ReadSlowly(ReadOnlySpan<byte> message)
    {
        var reader = new Utf8JsonReader(message);
        using var document = JsonDocument.ParseValue(ref reader);
        var root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("event", out var name))
        {
            return Malformed("no event");
        }

        switch (name.GetString())
        {
            // {"event":"start",…,"start":{"streamSid","callSid","mediaFormat":{"encoding","sampleRate"},"customParameters":{…}}}
            case "start":
                return ReadStart(root);

            // {"event":"media",…,"media":{"track","chunk","timestamp","payload"}}
            case "media":
                if (!root.TryGetProperty("media", out var media) || !media.TryGetProperty("payload", out var payload))
                {
                    return Malformed("media without payload");
                }

                var audio = Encoding.UTF8.GetBytes(payload.GetString() ?? "");
                long timestamp = media.TryGetProperty("timestamp", out var stamp) && long.TryParse(stamp.GetString(), out long ms) ? ms : -1;
                return audio.Length > 0 && PlainBase64.IsValid(audio)
                    ? new CarrierEvent { Kind = CarrierEventKind.Audio, Payload = audio, TimestampMs = timestamp }
                    : Malformed("payload is not base64");

            // {"event":"dtmf",…,"dtmf":{"track","digit":"1"}}
            case "dtmf":
                string? digit = root.TryGetProperty("dtmf", out var dtmf) && dtmf.TryGetProperty("digit", out var value) ? value.GetString() : null;
                return digit is { Length: 1 } && "0123456789*#ABCD".Contains(digit[0])
                    ? new CarrierEvent { Kind = CarrierEventKind.Digit, Payload = Encoding.ASCII.GetBytes(digit) }
                    : Malformed("dtmf without a digit");

            // {"event":"mark",…,"mark":{"name":"…"}}
            case "mark":
                string? mark = root.TryGetProperty("mark", out var inner) && inner.TryGetProperty("name", out var markName) ? markName.GetString() : null;
                return mark is null ? Malformed("mark without a name") : new CarrierEvent { Kind = CarrierEventKind.Mark, Payload = Encoding.UTF8.GetBytes(mark) };

            case "stop":
                return new CarrierEvent { Kind = CarrierEventKind.Stopped };

            case null:
                return Malformed("event is null");

            default:
                return default;
        }
    }

    private CarrierEvent ReadStart(JsonElement root)
    {
        if (!root.TryGetProperty("start", out var start)
            || !start.TryGetProperty("streamSid", out var sid) || sid.GetString() is not { Length: > 0 } streamSid
            || !start.TryGetProperty("callSid", out var call) || call.GetString() is not { Length: > 0 } callSid)
        {
            return Malformed("start without streamSid and callSid");
        }

        if (!streamSid.All(char.IsAsciiLetterOrDigit))
        {
            return Malformed("streamSid has other characters than letters and digits");
        }

        if (start.TryGetProperty("mediaFormat", out var format)
            && !(format.TryGetProperty("encoding", out var encoding) && encoding.GetString() == "audio/x-mulaw"
                && format.TryGetProperty("sampleRate", out var rate) && rate.TryGetInt32(out int hertz) && hertz == 8000))
        {
            return Malformed("only audio/x-mulaw at 8000 Hz is understood");
        }

        var parameters = new Dictionary<string, string>();
        if (start.TryGetProperty("customParameters", out var custom) && custom.ValueKind == JsonValueKind.Object)
        {
            foreach (var parameter in custom.EnumerateObject())
            {
                parameters[parameter.Name] = parameter.Value.GetString() ?? "";
            }
        }

        _mediaHead = Encoding.ASCII.GetBytes($"{{\"event\":\"media\",\"streamSid\":\"{streamSid}\",\"media\":{{\"payload\":\"");
        _markHead = Encoding.ASCII.GetBytes($"{{\"event\":\"mark\",\"streamSid\":\"{streamSid}\",\"mark\":{{\"name\":\"");
        _clear = Encoding.ASCII.GetBytes($"{{\"event\":\"clear\",\"streamSid\":\"{streamSid}\"}}");
        return new CarrierEvent { Kind = CarrierEventKind.Started, Start = new StreamStart(streamSid, callSid, parameters) };
    }

    private static CarrierEvent Malformed(string fault) => new() { Kind = CarrierEventKind.Malformed, Fault = fault };
}
