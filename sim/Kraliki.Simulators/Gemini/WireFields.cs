using System.Text.Json;
using System.Text.Json.Nodes;

namespace Kraliki.Simulators.Gemini;

/// <summary>Names of the protocol's fields, and reading them. Proto JSON refuses a name that it does not know.</summary>
internal static class WireFields
{
    // A name alone takes any value; one with braces takes an object of these names, with brackets a list of such objects.
    public static readonly Shape Setup = Shape.Of("""
        model generationConfig{candidateCount maxOutputTokens temperature topP topK presencePenalty frequencyPenalty seed
          responseModalities mediaResolution enableAffectiveDialog thinkingConfig{includeThoughts thinkingBudget thinkingLevel}
          speechConfig{languageCode voiceConfig{prebuiltVoiceConfig{voiceName}}}}
        systemInstruction{role parts[text]}
        tools[functionDeclarations[name description parameters parametersJsonSchema response responseJsonSchema behavior] googleSearch codeExecution]
        realtimeInputConfig{automaticActivityDetection{disabled startOfSpeechSensitivity endOfSpeechSensitivity prefixPaddingMs silenceDurationMs}
          activityHandling turnCoverage}
        sessionResumption{handle transparent} contextWindowCompression{triggerTokens slidingWindow{targetTokens}}
        inputAudioTranscription{languageCodes} outputAudioTranscription{languageCodes} proactivity{proactiveAudio} explicitVadSignal
        historyConfig{initialHistoryInClientContent} safetySettings labels
        """);

    public static readonly Shape ClientContent = Shape.Of("turns[role parts[text inlineData functionCall functionResponse thought]] turnComplete");

    public static readonly Shape RealtimeInput = Shape.Of("audio{mimeType data} video{mimeType data} text activityStart{} activityEnd{} audioStreamEnd mediaChunks");

    public static readonly Shape ToolResponse = Shape.Of("functionResponses[id name response scheduling willContinue parts]");

    public static readonly Shape ContextUpdate = Shape.Of("systemInstruction{role parts[text]} tools{tools[functionDeclarations[name description parameters parametersJsonSchema behavior]]}");

    /// <summary>The reason for refusing it; null when every name is known.</summary>
    public static string? Unknown(JsonObject value, Shape shape, string path)
    {
        foreach (var (name, member) in value)
        {
            if (!shape.Members.TryGetValue(name, out var inner))
                return $"Invalid JSON payload received. Unknown name \"{name}\" at '{path}': Cannot find field.";
            if (inner is null || member is null)
                continue;
            JsonArray? objects = inner.IsList ? member as JsonArray : [member.DeepClone()];
            if (objects is null || objects.Any(item => item is not JsonObject))
                return $"Invalid JSON payload received. Invalid value at '{path}.{name}'.";
            foreach (var item in objects)
            {
                if (Unknown((JsonObject)item!, inner, $"{path}.{name}") is { } problem)
                    return problem;
            }
        }

        return null;
    }

    public static string? Text(JsonNode? node) => node is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    public static bool Flag(JsonNode? node) => node is JsonValue value && value.GetValueKind() == JsonValueKind.True;

    public static int? Number(JsonNode? node) => node is JsonValue value && value.TryGetValue<int>(out var number) ? number : null;

    /// <summary>The text of a <c>Content</c>.</summary>
    public static string PartsText(JsonNode? content) =>
        string.Join('\n', (content?["parts"] as JsonArray ?? []).Select(part => Text(part?["text"])).Where(text => !string.IsNullOrEmpty(text)));

    public sealed class Shape
    {
        public Dictionary<string, Shape?> Members { get; } = [];

        public bool IsList { get; private init; }

        public static Shape Of(string text)
        {
            var at = 0;
            return Parse(text, ref at, isList: false);
        }

        private static Shape Parse(string text, ref int at, bool isList)
        {
            var shape = new Shape { IsList = isList };
            while (at < text.Length && text[at] is not ('}' or ']'))
            {
                if (char.IsWhiteSpace(text[at]))
                {
                    at++;
                    continue;
                }

                var start = at;
                while (at < text.Length && char.IsLetterOrDigit(text[at]))
                    at++;
                var name = text[start..at];
                if (at < text.Length && text[at] is '{' or '[')
                {
                    var list = text[at] == '[';
                    at++;
                    shape.Members[name] = Parse(text, ref at, list);
                    at++;
                }
                else
                {
                    shape.Members[name] = null;
                }
            }

            return shape;
        }
    }
}
