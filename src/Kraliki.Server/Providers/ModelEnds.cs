using System.Globalization;
using Kraliki.Server.Hosting;

namespace Kraliki.Server.Providers;

/// <summary>A model that its vendor switches off, or advises against.</summary>
/// <param name="Model">May end with <c>*</c>, which stands for any end.</param>
/// <param name="Ends">Null: no day is named yet.</param>
internal sealed record ModelEnd(string Model, DateOnly? Ends, string Successor);

/// <summary>What the vendors have announced, as of November 2026: docs/protocols/openai-realtime.md §1, docs/protocols/gemini-live.md §8.</summary>
internal static class ModelEnds
{
    private static readonly DateOnly RealtimeEnds = new(2027, 1, 20);
    private static readonly DateOnly TranscribersEnd = new(2027, 2, 26);

    // The first that fits counts.
    private static readonly IReadOnlyList<ModelEnd> Known =
    [
        new("gpt-realtime", RealtimeEnds, "gpt-realtime-2.1"),
        new("gpt-realtime-2025*", RealtimeEnds, "gpt-realtime-2.1"),
        new("gpt-realtime-mini*", RealtimeEnds, "gpt-realtime-2.1-mini"),
        new("whisper-1", TranscribersEnd, "gpt-transcribe"),
        new("gpt-4o-transcribe*", TranscribersEnd, "gpt-transcribe"),
        new("gpt-4o-mini-transcribe*", TranscribersEnd, "gpt-transcribe"),
        new("gemini-3.1-flash-live-preview", null, "gemini-3.8-live"),
        new("gemini-2.5-flash-native-audio*", null, "gemini-3.8-live"),
    ];

    /// <summary>One sentence for each configured model whose end is announced, which names the setting and the remedy.</summary>
    public static IReadOnlyList<string> Of(ProviderKeys keys, DateOnly today) =>
    [
        .. new[] { ("OpenAI", keys.OpenAI.Model), ("Gemini", keys.Gemini.Model), ("Deepgram", keys.Deepgram.Model), ("Llm", keys.Llm.Model) }
            .Select(one => one.Model is null ? null : Of($"Kraliki:Providers:{one.Item1}:Model", one.Model, today))
            .OfType<string>(),
    ];

    /// <returns>Null when nothing is known against the model.</returns>
    public static string? Of(string setting, string model, DateOnly today)
    {
        var name = model.StartsWith("models/", StringComparison.Ordinal) ? model["models/".Length..] : model;
        return Known.FirstOrDefault(known => known.Model.EndsWith('*') ? name.StartsWith(known.Model[..^1], StringComparison.Ordinal) : name == known.Model) switch
        {
            null => null,
            { Ends: null } known => $"The vendor advises against the model {name}: set {setting} to {known.Successor}.",
            { Ends: { } day } known when day <= today => string.Create(CultureInfo.InvariantCulture, $"The model {name} was switched off on {day:yyyy-MM-dd}: set {setting} to {known.Successor}."),
            { Ends: { } day } known => string.Create(CultureInfo.InvariantCulture, $"The model {name} is switched off on {day:yyyy-MM-dd}: set {setting} to {known.Successor} before."),
        };
    }
}
