using System.Diagnostics;

namespace Kraliki.Server.Hosting;

/// <summary>What ties together everything that follows from one request: in log lines, grains, calls, and at the provider.</summary>
/// <remarks>Flows with the asynchronous work and, because Orleans carries its own context along, into the grains that it calls.</remarks>
/// <param name="RequestId">The <c>X-Request-ID</c>.</param>
/// <param name="Parent">W3C <c>traceparent</c> of the span that asked; null when there is none.</param>
[GenerateSerializer, Immutable]
public sealed record RequestTrace(string RequestId, string? Parent)
{
    private const string RequestKey = "request_id";
    private const string ParentKey = "traceparent";

    /// <summary>Null where nothing was asked: jobs, the start.</summary>
    public static RequestTrace? Current =>
        RequestContext.Get(RequestKey) is string id ? new(id, RequestContext.Get(ParentKey) as string) : null;

    /// <summary>For what this method starts and awaits from now on; the caller's own flow is not touched.</summary>
    public void Enter()
    {
        RequestContext.Set(RequestKey, RequestId);
        if (Parent is { } parent)
        {
            RequestContext.Set(ParentKey, parent);
        }
        else
        {
            RequestContext.Remove(ParentKey);
        }
    }

    public LogScope ToScope() => new((RequestKey, RequestId), ("trace_id", TraceId));

    private string? TraceId => ActivityContext.TryParse(Parent, traceState: null, out var context) ? context.TraceId.ToHexString() : null;
}

/// <summary>The log lines of a grain name the request that it works for.</summary>
internal sealed class TracedGrainCalls(ILoggerFactory loggers) : IIncomingGrainCallFilter
{
    private readonly ILogger _logger = loggers.CreateLogger("Kraliki.Grains");

    public async Task Invoke(IIncomingGrainCallContext context)
    {
        using var scope = RequestTrace.Current is { } trace ? _logger.BeginScope(trace.ToScope()) : null;
        await context.Invoke();
    }
}
