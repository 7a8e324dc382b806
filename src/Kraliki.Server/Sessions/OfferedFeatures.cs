using Kraliki.Contracts;
using Kraliki.Server.Operations.Flags;

namespace Kraliki.Server.Sessions;

/// <summary>What an organisation's clients find in its sessions (<see cref="SessionFeatures"/>): what this server can do, less what is switched off. Safe from any thread.</summary>
internal sealed class OfferedFeatures(FeatureFlags flags)
{
    private static readonly (string Feature, Flag Flag)[] Switched =
    [
        (SessionFeatures.FunctionCalling, Flag.FunctionCalling),
        (SessionFeatures.Sentiment, Flag.SentimentAnalysis),
        (SessionFeatures.Intents, Flag.IntentDetection),
        (SessionFeatures.Suggestions, Flag.SuggestionPanels),
    ];

    public IReadOnlyList<string> Of(Guid organisation) =>
    [
        SessionFeatures.LiveTranscript,
        SessionFeatures.Listen,
        SessionFeatures.OperatorText,
        .. Switched.Where(feature => flags.IsEnabled(organisation, feature.Flag)).Select(feature => feature.Feature),
    ];

    public bool SuggestionsOf(Guid organisation) => flags.IsEnabled(organisation, Flag.SuggestionPanels);

    /// <summary>Tells the features now and at each change, until it is disposed of.</summary>
    /// <param name="changed">Must return at once.</param>
    public IDisposable Follow(Guid organisation, Action<IReadOnlyList<string>> changed)
    {
        var telling = new Lock();
        flags.Changed += OnChanged;
        Tell();
        return new Following(() => flags.Changed -= OnChanged);

        void OnChanged(Guid whose, Flag flag)
        {
            if (whose == organisation && Array.Exists(Switched, feature => feature.Flag == flag))
            {
                Tell();
            }
        }

        // Looked up and told in one go: of two at once, the one that is told last is the newer.
        void Tell()
        {
            lock (telling)
            {
                changed(Of(organisation));
            }
        }
    }

    private sealed class Following(Action end) : IDisposable
    {
        public void Dispose() => end();
    }
}
