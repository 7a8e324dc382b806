namespace Kraliki.Server.Providers;

internal sealed partial class HealthMonitor
{
    [LoggerMessage(EventId = 3311, Level = LogLevel.Information, Message = "Probe of the provider {Provider}: passed {Passed}. {Detail}")]
    private partial void LogProbed(string provider, bool passed, string detail);
}
