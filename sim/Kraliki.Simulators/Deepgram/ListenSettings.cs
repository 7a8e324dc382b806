namespace Kraliki.Simulators.Deepgram;

/// <summary>The query of <c>/v1/listen</c> as far as it changes what is simulated.</summary>
/// <param name="EndpointingMs">Silence that ends an utterance; null when that was switched off.</param>
/// <param name="UtteranceEndMs">Gap after the last word that is reported; null for never.</param>
internal sealed record ListenSettings(
    string Model, bool Interim, bool VadEvents, bool Punctuated, int? EndpointingMs, int? UtteranceEndMs)
{
    /// <summary>The settings, or what is wrong with the query.</summary>
    public static (ListenSettings? Settings, string? Problem) Read(IQueryCollection query)
    {
        bool Flag(string name) => query[name] == "true";
        var interim = Flag("interim_results");
        int? endpointing = 10;
        if (query.TryGetValue("endpointing", out var given))
        {
            if (given == "false")
                endpointing = null;
            else if (given != "true")
                endpointing = int.TryParse(given, out var ms) && ms >= 0 ? ms : -1;
        }

        int? utteranceEnd = query.TryGetValue("utterance_end_ms", out var gap) ? int.TryParse(gap, out var wait) ? wait : -1 : null;
        var problem = endpointing < 0 ? "Failed to deserialize query parameters: invalid endpointing."
            : utteranceEnd is < 1_000 ? "Failed to deserialize query parameters: utterance_end_ms must be 1000 or more."
            : utteranceEnd is not null && !interim ? "utterance_end_ms requires interim_results=true."
            : null;
        return problem is null
            ? (new(query["model"].FirstOrDefault() ?? "base", interim, Flag("vad_events"), Flag("punctuate") || Flag("smart_format"), endpointing, utteranceEnd), null)
            : (null, problem);
    }
}
