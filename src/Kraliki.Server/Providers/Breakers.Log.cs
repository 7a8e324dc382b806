namespace Kraliki.Server.Providers;

internal sealed partial class Breakers
{
    [LoggerMessage(EventId = 3301, Level = LogLevel.Warning, Message = "The provider {Provider} ({Model}) failed too often and gets no calls until a probe finds it well: {LastError}")]
    private partial void LogOpen(string provider, string model, string lastError);

    [LoggerMessage(EventId = 3302, Level = LogLevel.Information, Message = "The provider {Provider} ({Model}) is being tried by a probe")]
    private partial void LogHalfOpen(string provider, string model);

    [LoggerMessage(EventId = 3303, Level = LogLevel.Information, Message = "The provider {Provider} ({Model}) gets calls again")]
    private partial void LogClosed(string provider, string model);

    [LoggerMessage(EventId = 3304, Level = LogLevel.Warning, Message = "What is known of providers cannot be shared with other nodes at present; this one goes by its own calls")]
    private partial void LogAlone(Exception exception);
}
