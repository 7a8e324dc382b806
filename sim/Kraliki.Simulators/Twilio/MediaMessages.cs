using System.Text;
using System.Text.Json;

namespace Kraliki.Simulators.Twilio;

/// <summary>The frames of a media stream, from Twilio's side (twilio.com/docs/voice/media-streams/websocket-messages). Numbers are strings, but those of mediaFormat.</summary>
public static class MediaMessages
{
    /// <summary>First of all; it has neither sequenceNumber nor streamSid.</summary>
    public static byte[] Connected { get; } = """{"event":"connected","protocol":"Call","version":"1.0.0"}"""u8.ToArray();

    public static byte[] Start(StreamIdentity stream, IReadOnlyDictionary<string, string> parameters) => JsonSerializer.SerializeToUtf8Bytes(new
    {
        @event = "start",
        sequenceNumber = "1",
        start = new
        {
            accountSid = stream.AccountSid,
            streamSid = stream.StreamSid,
            callSid = stream.CallSid,
            tracks = new[] { "inbound" },
            mediaFormat = new { encoding = "audio/x-mulaw", sampleRate = 8000, channels = 1 },
            customParameters = parameters,
        },
        streamSid = stream.StreamSid,
    });

    public static byte[] Media(string streamSid, long sequence, long chunk, long timestampMs, ReadOnlySpan<byte> mulaw) => Encoding.UTF8.GetBytes(
        $$"""{"event":"media","sequenceNumber":"{{sequence}}","media":{"track":"inbound","chunk":"{{chunk}}","timestamp":"{{timestampMs}}","payload":"{{Convert.ToBase64String(mulaw)}}"},"streamSid":"{{streamSid}}"}""");

    public static byte[] Mark(string streamSid, long sequence, string name) => JsonSerializer.SerializeToUtf8Bytes(
        new { @event = "mark", sequenceNumber = $"{sequence}", streamSid, mark = new { name } });

    public static byte[] Dtmf(string streamSid, long sequence, char digit) => JsonSerializer.SerializeToUtf8Bytes(
        new { @event = "dtmf", streamSid, sequenceNumber = $"{sequence}", dtmf = new { track = "inbound_track", digit = $"{digit}" } });

    public static byte[] Stop(StreamIdentity stream, long sequence) => JsonSerializer.SerializeToUtf8Bytes(
        new { @event = "stop", sequenceNumber = $"{sequence}", stop = new { accountSid = stream.AccountSid, callSid = stream.CallSid }, streamSid = stream.StreamSid });

    /// <summary>Not of the protocol: what the <c>error_event</c> fault sends, to see how an application takes an event that it does not know.</summary>
    public static byte[] Error(string streamSid, long sequence, string code, string reason) => JsonSerializer.SerializeToUtf8Bytes(
        new { @event = "error", sequenceNumber = $"{sequence}", streamSid, error = new { code, message = reason } });

    /// <summary>Reads a message of the application as strictly as Twilio does.</summary>
    public static AppMessage Read(ReadOnlyMemory<byte> text, string streamSid)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object || Text(root, "event") is not { } name)
                return new AppMessage.Refused("A message has no 'event'.");
            if (name is not ("media" or "mark" or "clear"))
                return new AppMessage.Refused($"Unknown event '{name}'.");
            if (Text(root, "streamSid") is not { } sid)
                return new AppMessage.Refused($"The '{name}' message has no streamSid.");
            if (sid != streamSid)
                return new AppMessage.Refused($"The '{name}' message is for stream '{sid}', this is '{streamSid}'.");
            if (name == "clear")
                return new AppMessage.Clear();
            if (!root.TryGetProperty(name, out var body) || body.ValueKind != JsonValueKind.Object)
                return new AppMessage.Refused($"The '{name}' message has no '{name}' object.");
            if (name == "mark")
                return Text(body, "name") is { } mark ? new AppMessage.Mark(mark) : new AppMessage.Refused("A mark has no name.");
            if (!body.TryGetProperty("payload", out var payload) || payload.ValueKind != JsonValueKind.String)
                return new AppMessage.Refused("A media message has no payload.");
            return payload.TryGetBytesFromBase64(out var mulaw)
                ? new AppMessage.Media(mulaw)
                : new AppMessage.Refused("A media payload is not base64.");
        }
        catch (JsonException)
        {
            return new AppMessage.Refused("A message is not JSON.");
        }
    }

    private static string? Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}

public sealed record StreamIdentity(string AccountSid, string CallSid, string StreamSid);

/// <summary>What an application may send on a media stream.</summary>
public abstract record AppMessage
{
    private AppMessage()
    {
    }

    public sealed record Media(byte[] Mulaw) : AppMessage;

    public sealed record Mark(string Name) : AppMessage;

    public sealed record Clear : AppMessage;

    /// <summary>Twilio would close the stream over this.</summary>
    public sealed record Refused(string Why) : AppMessage;
}
