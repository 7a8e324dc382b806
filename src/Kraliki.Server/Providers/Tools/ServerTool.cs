using System.Text.Json;
using Kraliki.Contracts;
using Kraliki.Voice.Providers;

namespace Kraliki.Server.Providers.Tools;

/// <summary>Something that the assistant may have done by the server.</summary>
/// <param name="Offer">What the model is told of it.</param>
/// <param name="Run">Gives the result as JSON. Runs outside the call, for <see cref="ServerTools.Limit"/> at the most; safe from any thread.</param>
internal sealed record ServerTool(CallTool Offer, Func<ToolRequest, CancellationToken, Task<string>> Run);

/// <param name="Arguments">As the model wrote them: an object, but not necessarily one that fits the schema.</param>
/// <param name="TimeZone">Where the conversation takes place.</param>
/// <param name="Record">Puts a fact into the session's journal. False: it takes no more.</param>
internal sealed record ToolRequest(string CallId, JsonElement Arguments, TimeZoneInfo TimeZone, TimeProvider Time, Func<SessionFact, bool> Record)
{
    /// <summary>Empty when there is no such text.</summary>
    public string Text(string name) =>
        Arguments.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()!.Trim() : "";
}
