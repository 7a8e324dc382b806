using Kraliki.Contracts;

namespace Kraliki.Voice.Providers.OpenAI;

/// <summary>Adds up what one session used, by the events of the session itself: answers and the writing down of what the caller says are billed apart.</summary>
/// <remarks>Tokens that a compatible server does not split by kind count as audio, the dearer one.</remarks>
internal sealed class RealtimeMeter
{
    // Longer than any session lives; more is a server's mistake, and no sum is to overflow by it.
    private const double MostSeconds = 86_400;

    private readonly string _provider;
    private ModelUsage _answers;
    private ModelUsage _transcripts;

    public RealtimeMeter(string provider, string model, string transcriptionModel)
    {
        _provider = provider;
        _answers = new ModelUsage(provider, model);
        _transcripts = new ModelUsage(provider, transcriptionModel);
    }

    /// <param name="usage">Of one response.</param>
    public void Answered(RealtimeUsage usage)
    {
        var (input, output) = (usage.InputTokenDetails, usage.OutputTokenDetails);
        long text = Math.Max(0, input?.TextTokens ?? 0);
        long audio = Math.Max(0, usage.InputTokens - text);

        // Cached tokens are among the input's.
        long cached = Math.Clamp(input?.CachedTokens ?? 0, 0, text + audio);
        long cachedText = Math.Min(text, input?.CachedTokensDetails is { } split ? Math.Clamp(split.TextTokens, 0, cached) : cached);
        long cachedAudio = Math.Min(audio, cached - cachedText);
        long textOut = Math.Max(0, output?.TextTokens ?? 0);
        _answers = _answers.Plus(new ModelUsage(_provider, _answers.Model)
        {
            TextInTokens = text - cachedText,
            TextCachedTokens = cachedText,
            AudioInTokens = audio - cachedAudio,
            AudioCachedTokens = cachedAudio,
            TextOutTokens = textOut,
            AudioOutTokens = Math.Max(0, usage.OutputTokens - textOut),
        });
    }

    /// <param name="usage">Of one utterance of the caller: by tokens or by its duration, as the model is billed.</param>
    public void Transcribed(RealtimeUsage usage)
    {
        long text = Math.Max(0, usage.InputTokenDetails?.TextTokens ?? 0);
        _transcripts = _transcripts.Plus(new ModelUsage(_provider, _transcripts.Model)
        {
            TextInTokens = text,
            AudioInTokens = Math.Max(0, usage.InputTokens - text),
            TextOutTokens = Math.Max(0, usage.OutputTokens),
            AudioInSeconds = Math.Clamp(usage.Seconds ?? 0, 0, MostSeconds),
        });
    }

    public IReadOnlyList<ModelUsage> Read(double secondsIn, double secondsOut) =>
        [_answers with { AudioInSeconds = Math.Round(secondsIn, 2), AudioOutSeconds = Math.Round(secondsOut, 2) }, _transcripts];
}
