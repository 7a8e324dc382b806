using System.Text;
using System.Text.Json;
using Kraliki.Simulators.Twilio;

namespace Kraliki.Voice.Tests.Simulators.Twilio;

public sealed class MediaMessagesTests
{
    private static readonly StreamIdentity Stream = new("AC1", "CA1", "MZ1");

    [Theory]
    [InlineData("not json", "A message is not JSON.")]
    [InlineData("[]", "A message has no 'event'.")]
    [InlineData("""{"event":"hello","streamSid":"MZ1"}""", "Unknown event 'hello'.")]
    [InlineData("""{"event":"media","media":{"payload":"AAAA"}}""", "The 'media' message has no streamSid.")]
    [InlineData("""{"event":"clear","streamSid":"MZ2"}""", "The 'clear' message is for stream 'MZ2', this is 'MZ1'.")]
    [InlineData("""{"event":"media","streamSid":"MZ1","media":{}}""", "A media message has no payload.")]
    [InlineData("""{"event":"media","streamSid":"MZ1","media":{"payload":"=nope="}}""", "A media payload is not base64.")]
    [InlineData("""{"event":"mark","streamSid":"MZ1","mark":{}}""", "A mark has no name.")]
    [InlineData("""{"event":"mark","streamSid":"MZ1"}""", "The 'mark' message has no 'mark' object.")]
    public void A_message_that_Twilio_would_refuse_is_refused(string text, string why) =>
        Assert.Equal(new AppMessage.Refused(why), MediaMessages.Read(Encoding.UTF8.GetBytes(text), "MZ1"));

    [Fact]
    public void Media_mark_and_clear_are_understood()
    {
        Assert.Equal([1, 2, 3], Assert.IsType<AppMessage.Media>(Read("""{"event":"media","streamSid":"MZ1","media":{"payload":"AQID"}}""")).Mulaw);
        Assert.Equal(new AppMessage.Mark("m1"), Read("""{"event":"mark","streamSid":"MZ1","mark":{"name":"m1"}}"""));
        Assert.IsType<AppMessage.Clear>(Read("""{"event":"clear","streamSid":"MZ1"}"""));
    }

    [Fact]
    public void Numbers_travel_as_strings_but_those_of_the_media_format()
    {
        using var start = JsonDocument.Parse(MediaMessages.Start(Stream, new Dictionary<string, string> { ["tenant"] = "\"t\"" }));
        using var media = JsonDocument.Parse(MediaMessages.Media("MZ1", 3, 1, 5, [0xFF, 0xFE]));

        var format = start.RootElement.GetProperty("start").GetProperty("mediaFormat");
        Assert.Equal(8000, format.GetProperty("sampleRate").GetInt32());
        Assert.Equal("1", start.RootElement.GetProperty("sequenceNumber").GetString());
        Assert.Equal("\"t\"", start.RootElement.GetProperty("start").GetProperty("customParameters").GetProperty("tenant").GetString());
        Assert.Equal("3", media.RootElement.GetProperty("sequenceNumber").GetString());
        Assert.Equal("1", media.RootElement.GetProperty("media").GetProperty("chunk").GetString());
        Assert.Equal("5", media.RootElement.GetProperty("media").GetProperty("timestamp").GetString());
        Assert.Equal("//4=", media.RootElement.GetProperty("media").GetProperty("payload").GetString());
    }

    private static AppMessage Read(string text) => MediaMessages.Read(Encoding.UTF8.GetBytes(text), "MZ1");
}
