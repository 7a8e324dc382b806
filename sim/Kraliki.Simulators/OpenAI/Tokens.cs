using System.Text.Json.Nodes;

namespace Kraliki.Simulators.OpenAI;

/// <summary>Token counts of the size that the real service reports: about 4 characters of text, 100 ms of heard and 50 ms of spoken audio.</summary>
internal static class Tokens
{
    public static int OfText(string? text) => text is null ? 0 : (text.Length + 3) / 4;

    public static int OfInputAudio(int ms) => (ms + 99) / 100;

    public static int OfOutputAudio(int ms) => (ms + 49) / 50;

    /// <summary>Cuts a text into pieces of one word, each with the blank before it, as deltas do.</summary>
    public static IEnumerable<string> Pieces(string text)
    {
        for (var start = 0; start < text.Length;)
        {
            var blank = text.IndexOf(' ', start + 1);
            var end = blank < 0 ? text.Length : blank;
            yield return text[start..end];
            start = end;
        }
    }

    public static JsonObject Transcription(string model, int audioMs, string words)
    {
        // The newer models are billed by the minute.
        if (model is "whisper-1" or "gpt-transcribe" or "gpt-live-transcribe" or "gpt-realtime-whisper")
            return new() { ["type"] = "duration", ["seconds"] = Math.Ceiling(audioMs / 1000.0) };
        var (heard, written) = (OfInputAudio(audioMs), OfText(words));
        return new()
        {
            ["type"] = "tokens",
            ["total_tokens"] = heard + written,
            ["input_tokens"] = heard,
            ["input_token_details"] = new JsonObject { ["text_tokens"] = 0, ["audio_tokens"] = heard },
            ["output_tokens"] = written,
        };
    }

    /// <param name="cached">Of the input tokens, those that the last response had already read.</param>
    public static JsonObject Usage(int inputText, int inputAudio, int cached, int outputText, int outputAudio)
    {
        var input = inputText + inputAudio;
        var output = outputText + outputAudio;
        cached = Math.Min(cached, input) / 64 * 64;
        var cachedText = Math.Min(cached, inputText);
        return new()
        {
            ["total_tokens"] = input + output,
            ["input_tokens"] = input,
            ["output_tokens"] = output,
            ["input_token_details"] = new JsonObject
            {
                ["text_tokens"] = inputText,
                ["audio_tokens"] = inputAudio,
                ["image_tokens"] = 0,
                ["cached_tokens"] = cached,
                ["cached_tokens_details"] = new JsonObject
                {
                    ["text_tokens"] = cachedText,
                    ["audio_tokens"] = cached - cachedText,
                    ["image_tokens"] = 0,
                },
            },
            ["output_token_details"] = new JsonObject { ["text_tokens"] = outputText, ["audio_tokens"] = outputAudio },
        };
    }
}
