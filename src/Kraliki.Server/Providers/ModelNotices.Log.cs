namespace Kraliki.Server.Providers;

internal sealed partial class ModelNotices
{
    [LoggerMessage(EventId = 3321, Level = LogLevel.Warning, Message = "A configured model does not last: {Notice}")]
    private partial void LogModelEnds(string notice);

    [LoggerMessage(EventId = 3322, Level = LogLevel.Warning, Message = "There are no prices for the model {Model} of {Provider}, or not for all of its use: what its calls cost is not known, and a limit of cost does not hold for them. Set its prices under Kraliki:Prices")]
    private partial void LogNoPrice(string provider, string model);
}
