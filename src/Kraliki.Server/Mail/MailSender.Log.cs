namespace Kraliki.Server.Mail;

internal sealed partial class MailSender
{
    [LoggerMessage(EventId = 2061, Level = LogLevel.Warning, Message = "Mail {Mail} could not be sent ({Reason}); the next try is in {Pause}")]
    private partial void LogNotSent(Guid mail, string? reason, TimeSpan pause);

    [LoggerMessage(EventId = 2062, Level = LogLevel.Error, Message = "Mail {Mail} was given up ({Reason})")]
    private partial void LogGivenUp(Guid mail, string? reason);

    [LoggerMessage(EventId = 2063, Level = LogLevel.Warning, Message = "The outbox could not be read; the next round tries again")]
    private partial void LogRoundFailed(Exception exception);
}
