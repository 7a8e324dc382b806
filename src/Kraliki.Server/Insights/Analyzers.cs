using Kraliki.Contracts;
using Kraliki.Server.Operations.Flags;

namespace Kraliki.Server.Insights;

/// <summary>Finds something out about a finished turn of the customer. Switched by a flag of its own.</summary>
/// <remarks>
/// Asked for one turn at a time, in the order of <see cref="InsightsSetup"/>, beside the call: it may take as long as
/// <see cref="InsightQueue.Patience"/>. After that its answer is not waited for, and until it comes back it is left out.
/// </remarks>
internal interface IAnalyzer
{
    /// <summary>For logs and metrics.</summary>
    string Name { get; }

    Flag Flag { get; }

    /// <param name="found">What the analyzers before this one found out about the same turn.</param>
    ValueTask<IReadOnlyList<SessionFact>> AnalyzeAsync(HeardTurn turn, IReadOnlyList<SessionFact> found, CancellationToken cancellationToken);
}

/// <summary>A finished turn of the customer that is in the journal.</summary>
/// <param name="Conversation">What is remembered of the call, for this turn and those after it.</param>
internal sealed record HeardTurn(Guid Session, Guid Organisation, TurnFinished Said, ConversationMood Conversation);

/// <summary>The course of one call as far as this node has heard it. Used by one analyzer at a time.</summary>
internal sealed class ConversationMood
{
    /// <summary>Unhappy turns in a row, up to the newest one that was measured.</summary>
    public int UnhappyTurns { get; private set; }

    public void Follow(Mood mood) => UnhappyTurns = mood == Mood.Negative ? UnhappyTurns + 1 : 0;
}

/// <summary>Sentiment from the words alone (<see cref="Sentiment"/>).</summary>
internal sealed class SentimentAnalyzer : IAnalyzer
{
    public string Name => "sentiment";

    public Flag Flag => Flag.SentimentAnalysis;

    public ValueTask<IReadOnlyList<SessionFact>> AnalyzeAsync(HeardTurn turn, IReadOnlyList<SessionFact> found, CancellationToken cancellationToken)
    {
        var score = Sentiment.Measure(turn.Said.Text);
        var mood = Sentiment.Name(score);
        turn.Conversation.Follow(mood);
        return new([new SentimentMeasured(turn.Said.TurnId, score, mood, InsightQueue.Local)]);
    }
}

/// <summary>Intents of the demo company's customers (<see cref="LocalSpeech.TalkIntents"/>).</summary>
internal sealed class IntentAnalyzer : IAnalyzer
{
    public string Name => "intent";

    public Flag Flag => Flag.IntentDetection;

    public ValueTask<IReadOnlyList<SessionFact>> AnalyzeAsync(HeardTurn turn, IReadOnlyList<SessionFact> found, CancellationToken cancellationToken)
    {
        var (intent, confidence) = Intents.Detect(turn.Said.Text);
        return new([new IntentDetected(turn.Said.TurnId, intent, confidence, InsightQueue.Local)]);
    }
}

/// <summary>Suggestions from what the others found (<see cref="Advice"/>): what is switched off there is not used here either.</summary>
internal sealed class SuggestionAnalyzer : IAnalyzer
{
    public string Name => "suggestion";

    public Flag Flag => Flag.SuggestionPanels;

    public ValueTask<IReadOnlyList<SessionFact>> AnalyzeAsync(HeardTurn turn, IReadOnlyList<SessionFact> found, CancellationToken cancellationToken)
    {
        var measured = found.OfType<SentimentMeasured>().Any();
        var advice = Advice.For(found.OfType<IntentDetected>().FirstOrDefault()?.Intent, measured ? turn.Conversation.UnhappyTurns : 0);
        return new([
            .. advice.Select(one => new SuggestionMade(Guid.CreateVersion7().ToString("N"), one.Category, one.Text, one.Reason, InsightQueue.Local, turn.Said.TurnId)),
        ]);
    }
}
