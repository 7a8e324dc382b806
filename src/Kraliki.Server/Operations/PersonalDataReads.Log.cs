namespace Kraliki.Server.Operations;

internal sealed partial class PersonalDataReads
{
    [LoggerMessage(EventId = 3121, Level = LogLevel.Error, Message = "{Count} readings of personal data could not be written into the audit log before the server stopped")]
    private partial void LogLost(int count);
}
