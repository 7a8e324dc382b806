namespace Kraliki.Server.Operations.Flags;

public sealed partial class FeatureFlags
{
    [LoggerMessage(EventId = 3101, Level = LogLevel.Warning, Message = "Webhook validation is OFF for organisation {Organisation}: anybody who reaches this server can pretend to be its carrier. Switch enable_webhook_validation on again")]
    private partial void LogWebhooksOpen(Guid organisation);

    [LoggerMessage(EventId = 3102, Level = LogLevel.Warning, Message = "Changes of feature flags cannot be read at present; what was last known holds")]
    private partial void LogRefreshFailed(Exception exception);
}
