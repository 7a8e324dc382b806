using Kraliki.Simulators.Twilio;

namespace Kraliki.Voice.Tests.Simulators.Twilio;

public sealed class TwimlTests
{
    [Fact]
    public void Connect_stream_is_read_with_parameters_and_action()
    {
        var document = TwimlDocument.Read("""
            <?xml version="1.0" encoding="UTF-8"?>
            <Response>
              <Connect action="/after"><Stream url="wss://app/media" name="s" statusCallback="/st"><Parameter name="token" value="a&amp;b"/></Stream></Connect>
              <Say>Sorry</Say><Pause length="2"/><Redirect>/again</Redirect>
            </Response>
            """);

        Assert.Null(document.Problem);
        var connect = Assert.IsType<TwimlVerb.ConnectStream>(document.Verbs[0]);
        Assert.Equal(("wss://app/media", "s", "/after", "/st"), (connect.Url, connect.Name, connect.Action, connect.StatusCallback));
        Assert.Equal("a&b", connect.Parameters["token"]);
        Assert.Equal([new TwimlVerb.Say("Sorry"), new TwimlVerb.Pause(TimeSpan.FromSeconds(2)), new TwimlVerb.Redirect("/again")], document.Verbs.Skip(1));
    }

    [Theory]
    [InlineData("no xml", 12100, "The TwiML is not XML")]
    [InlineData("<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><Response>&b;</Response>", 12100, "The TwiML is not XML")]
    [InlineData("<html/>", 12100, "<html>, not <Response>")]
    [InlineData("<Response><Dial>+1</Dial></Response>", 12200, "does not carry out <Dial>")]
    [InlineData("<Response><Connect/></Response>", 12200, "exactly one <Stream>")]
    [InlineData("<Response><Connect><Stream url='https://a/b'/></Connect></Response>", 12200, "no WebSocket address")]
    [InlineData("<Response><Connect><Stream url='ws://far.example/b'/></Connect></Response>", 12200, "must be wss")]
    [InlineData("<Response><Connect><Stream url='wss://a/b?token=1'/></Connect></Response>", 12200, "no query string")]
    [InlineData("<Response><Pause length='soon'/></Response>", 12200, "whole number")]
    public void What_is_wrong_is_said(string twiml, int code, string why)
    {
        var document = TwimlDocument.Read(twiml);

        Assert.Equal(code, document.ErrorCode);
        Assert.Contains(why, document.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_parameter_has_500_characters_at_most()
    {
        var document = TwimlDocument.Read(
            $"<Response><Connect><Stream url='wss://a/b'><Parameter name='n' value='{new string('x', 500)}'/></Stream></Connect></Response>");

        Assert.Contains("longer than 500", document.Problem, StringComparison.Ordinal);
    }
}
