using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kraliki.Voice.Providers.DeepgramAgent;

// What we send to the voice agent. Field names and meaning: docs/protocols/deepgram.md §3.

internal sealed record AgentSettings(AgentAudio Audio, AgentParts Agent)
{
    public string Type => "Settings";
}

internal sealed record AgentAudio(AgentFormat Input, AgentFormat Output);

internal sealed record AgentFormat(string Encoding, int SampleRate, string? Container = null);

internal sealed record AgentParts(AgentContext? Context, AgentPart Listen, AgentThink Think, AgentPart Speak);

internal sealed record AgentContext(IReadOnlyList<AgentHistory> Messages);

/// <summary>Words of <paramref name="Role"/>, or tools with what they gave.</summary>
internal sealed record AgentHistory(string? Role, string? Content, IReadOnlyList<AgentCall>? FunctionCalls = null)
{
    public string Type => "History";
}

internal sealed record AgentCall(string Id, string Name, bool ClientSide, string Arguments, string Response);

internal sealed record AgentPart(AgentPartProvider Provider);

internal sealed record AgentPartProvider(string Type, string Model, string? Language = null);

internal sealed record AgentThink(AgentPartProvider Provider, string Prompt, IReadOnlyList<AgentTool> Functions);

internal sealed record AgentTool(string Name, string Description, JsonElement Parameters);

internal sealed record UpdateThink(AgentThink Think)
{
    public string Type => "UpdateThink";
}

internal sealed record InjectUserMessage(string Content)
{
    public string Type => "InjectUserMessage";
}

internal sealed record FunctionCallResponse(string Id, string Name, string Content)
{
    public string Type => "FunctionCallResponse";
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(AgentSettings))]
[JsonSerializable(typeof(UpdateThink))]
[JsonSerializable(typeof(InjectUserMessage))]
[JsonSerializable(typeof(FunctionCallResponse))]
internal sealed partial class AgentJson : JsonSerializerContext;
