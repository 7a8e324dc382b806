namespace Kraliki.Server.Sessions.Live;

internal sealed partial class FeedRelays
{
    [LoggerMessage(EventId = 2056, Level = LogLevel.Debug, Message = "A node on which session {SessionId} is watched does not answer; it is asked again until its watching expires")]
    private partial void LogNodeDoesNotAnswer(Exception exception, Guid sessionId);
}
