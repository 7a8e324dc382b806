using System.Text;
using Kraliki.Voice.Carriers;

namespace Kraliki.Voice.Tests.Carriers;

public sealed class TwilioLinkTests
{
    private const string Start = """{"event":"start","sequenceNumber":"1","start":{"accountSid":"AC1","streamSid":"MZ1","callSid":"CA1","tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},"customParameters":{"token":"t1"}},"streamSid":"MZ1"}""";
    private const string Media = """{"event":"media","sequenceNumber":"3","media":{"track":"inbound","chunk":"1","timestamp":"45","payload":"/v9/AAEC"},"streamSid":"MZ1"}""";

    private static (CarrierEventKind Kind, string Payload, long Timestamp, string? Fault) Read(string message)
    {
        var read = new TwilioLink().Read(Encoding.UTF8.GetBytes(message));
        return (read.Kind, Encoding.UTF8.GetString(read.Payload), read.TimestampMs, read.Fault);
    }

    [Fact]
    public void Start_tells_stream_call_and_parameters()
    {
        var start = new TwilioLink().Read(Encoding.UTF8.GetBytes(Start)).Start!;
        Assert.Equal(("MZ1", "CA1", "t1"), (start.StreamSid, start.CallSid, start.Parameters["token"]));
    }

    [Theory]
    [InlineData(Media)]
    [InlineData("""{"streamSid":"MZ1","media":{"payload":"/v9/AAEC","timestamp":"45","chunk":"1","track":"inbound"},"sequenceNumber":"3","event":"media"}""")]
    [InlineData("""{ "event" : "media", "media" : { "timestamp" : "45", "payload" : "/v9/AAEC" } }""")]
    [InlineData("""{"event":"media","media":{"timestamp":"45","payload":"\/v9\/AAEC"}}""")]
    public void Audio_is_found_in_any_spelling_of_the_same_json(string message)
        => Assert.Equal((CarrierEventKind.Audio, "/v9/AAEC", 45L, null), Read(message));

    [Theory]
    [InlineData("""{"event":"dtmf","streamSid":"MZ1","sequenceNumber":"5","dtmf":{"track":"inbound_track","digit":"#"}}""", CarrierEventKind.Digit, "#")]
    [InlineData("""{"event":"mark","sequenceNumber":"4","streamSid":"MZ1","mark":{"name":"0:160"}}""", CarrierEventKind.Mark, "0:160")]
    [InlineData("""{"event":"stop","sequenceNumber":"9","stop":{"accountSid":"AC1","callSid":"CA1"},"streamSid":"MZ1"}""", CarrierEventKind.Stopped, "")]
    [InlineData("""{"event":"connected","protocol":"Call","version":"1.0.0"}""", CarrierEventKind.Ignored, "")]
    [InlineData("""{"event":"something-new"}""", CarrierEventKind.Ignored, "")]
    public void Other_events_are_told_apart(string message, CarrierEventKind kind, string payload)
    {
        var read = Read(message);
        Assert.Equal((kind, payload), (read.Kind, read.Payload));
    }

    [Theory]
    [InlineData("", "not JSON")]
    [InlineData("[1]", "no event")]
    [InlineData("""{"event":null}""", "event is null")]
    [InlineData("""{"event":"media"}""", "media without payload")]
    [InlineData("""{"event":"media","media":{"payload":"***"}}""", "payload is not base64")]
    [InlineData("""{"event":"media","media":[]}""", "a field has the wrong JSON type")]
    [InlineData("""{"event":"dtmf","dtmf":{"digit":"12"}}""", "dtmf without a digit")]
    [InlineData("""{"event":"start","start":{"streamSid":"MZ\"1","callSid":"CA1"}}""", "streamSid has other characters than letters and digits")]
    [InlineData("""{"event":"start","start":{"streamSid":"MZ1","callSid":"CA1","mediaFormat":{"encoding":"audio/l16","sampleRate":8000}}}""", "only audio/x-mulaw at 8000 Hz is understood")]
    public void What_the_protocol_does_not_allow_is_named(string message, string fault)
    {
        var read = Read(message);
        Assert.Equal((CarrierEventKind.Malformed, fault), (read.Kind, read.Fault));
    }

    [Fact]
    public void Fifty_thousand_mutated_messages_crash_nothing()
    {
        var messages = new[] { Start, Media, """{"event":"dtmf","dtmf":{"digit":"1"}}""", """{"event":"mark","mark":{"name":"0:160"}}""" }.Select(Encoding.UTF8.GetBytes).ToArray();
        var random = new Random(20261122);
        var link = new TwilioLink();
        for (int round = 0; round < 50_000; round++)
        {
            var mutated = messages[round % messages.Length].ToArray();
            for (int i = random.Next(1, 5); i > 0; i--)
            {
                mutated[random.Next(mutated.Length)] = (byte)random.Next(256);
            }

            link.Read(mutated.AsSpan(0, random.Next(mutated.Length + 1)));
        }
    }
}
