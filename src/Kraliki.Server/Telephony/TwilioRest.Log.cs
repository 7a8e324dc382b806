namespace Kraliki.Server.Telephony;

internal sealed partial class TwilioRest
{
    [LoggerMessage(EventId = 320, Level = LogLevel.Warning, Message = "Twilio's REST API answered {Status}, error {Code}")]
    private partial void LogAnswered(int status, int code);

    [LoggerMessage(EventId = 321, Level = LogLevel.Warning, Message = "Twilio's REST API could not be reached")]
    private partial void LogUnreachable(Exception exception);
}
