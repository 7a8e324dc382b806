using System.Text.Json;
using Kraliki.Contracts;
using Kraliki.Voice.Providers;

namespace Kraliki.Server.Providers.Tools;

/// <summary>What the assistants of this installation may have done by the server. Safe from any thread.</summary>
internal sealed partial class ServerTools(IEnumerable<ServerTool> tools, TimeProvider time, ILogger<ServerTools> logger)
{
    /// <summary>Of a result that cannot be given: the assistant says so and goes on.</summary>
    public const string Failed = """{"error":"This did not work. Tell the caller so, and go on without it."}""";

    /// <summary>A caller waits, and hears nothing of it meanwhile.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    private readonly Dictionary<string, ServerTool> _tools = tools.ToDictionary(tool => tool.Offer.Name);

    /// <summary>What a model can be offered: what the call itself does, and what the server does for it.</summary>
    public IReadOnlyList<CallTool> Offers { get; } = [.. CallTool.All, .. tools.Select(tool => tool.Offer)];

    /// <summary>Carries out what the assistant waits for. Returns at once; never fails.</summary>
    /// <param name="zone">IANA name; null, or one that does not exist, takes this machine's.</param>
    /// <returns>The result, as JSON.</returns>
    public async Task<string> RunAsync(ToolCalled call, string? zone, Func<SessionFact, bool> record)
    {
        if (!_tools.TryGetValue(call.Name, out var tool))
        {
            return Failed;
        }

        if (ArgumentsOf(call) is not { } arguments)
        {
            return """{"error":"The arguments must be a JSON object."}""";
        }

        var request = new ToolRequest(call.CallId, arguments, zone is not null && TimeZoneInfo.TryFindSystemTimeZoneById(zone, out var found) ? found : time.LocalTimeZone, time, record);
        using var limit = new CancellationTokenSource(Limit, time);
        var running = Task.Run(() => tool.Run(request, limit.Token), limit.Token);

        // One that does not listen to its limit goes on for itself; nobody waits for it.
        await ((Task)running).WaitAsync(Limit, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (running.IsCompletedSuccessfully)
        {
            return await running;
        }

        LogToolFailed(running.Exception, call.Name, running.IsCompleted);
        return Failed;
    }

    private static JsonElement? ArgumentsOf(ToolCalled call)
    {
        try
        {
            // A model leaves out the arguments of a tool that takes none.
            using var document = JsonDocument.Parse(string.IsNullOrWhiteSpace(call.Arguments) ? "{}" : call.Arguments);
            return document.RootElement.ValueKind == JsonValueKind.Object ? document.RootElement.Clone() : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
