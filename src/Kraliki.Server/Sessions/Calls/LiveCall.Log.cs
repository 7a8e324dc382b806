namespace Kraliki.Server.Sessions.Calls;

public sealed partial class LiveCall
{
    [LoggerMessage(EventId = 2021, Level = LogLevel.Error, Message = "{Facts} facts of session {SessionId} are lost: the journal does not take them")]
    private partial void LogFactsLost(int facts, Guid sessionId);

    [LoggerMessage(EventId = 2024, Level = LogLevel.Information, Message = "That the call of session {SessionId} is closing could not be told")]
    private partial void LogEndingNotTold(Exception exception, Guid sessionId);

    [LoggerMessage(EventId = 2022, Level = LogLevel.Warning, Message = "Session {SessionId} no longer belongs to its call of epoch {Epoch}")]
    private partial void LogSessionLost(Guid sessionId, long epoch);

    [LoggerMessage(EventId = 2023, Level = LogLevel.Warning, Message = "{Facts} facts of session {SessionId} are not in the journal yet (try {Attempt})")]
    private partial void LogDeliveryFailed(Exception exception, Guid sessionId, int facts, int attempt);

    [LoggerMessage(EventId = 2025, Level = LogLevel.Error, Message = "The call of session {SessionId} is ended: there is no room for what it tells until the database takes it")]
    private partial void LogNoRoom(Guid sessionId);
}
