using System.Text;

namespace Kraliki.Voice.Providers.Gemini;

/// <summary>Which words belong to which of the caller's turns, and when they are all there. Raises the caller's events.</summary>
/// <remarks>
/// Gemini sends fragments in no order with anything else and marks no end: the words of a turn are complete when, after its
/// sound, no more came for a while. Fragments belong to the oldest turn that is not complete. Not thread-safe.
/// </remarks>
internal sealed class CallerTranscripts(IProviderEvents events, TimeProvider time, Action<TimeSpan> wake)
{
    // Fragments of one utterance come closer together than this.
    private static readonly TimeSpan Settled = TimeSpan.FromMilliseconds(400);

    // A sound without words by then was none of speech: while Gemini is not asked, it says nothing else about it.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    // The model answers, so it was speech; its words may still be on their way.
    private static readonly TimeSpan Straggling = TimeSpan.FromSeconds(1.5);

    // As many open turns as the call loop follows.
    private const int MaxTurns = 16;

    private readonly List<Turn> _turns = [];

    /// <summary>Words came since <see cref="AnswerExpected"/>.</summary>
    public bool Understood { get; private set; }

    /// <summary>What was said so far is to be answered: words, an answer, or its refusal will come.</summary>
    public void AnswerExpected()
    {
        Understood = _turns.Exists(turn => turn.HasWords);
        _turns.FindAll(turn => turn.StoppedAt is not null).ForEach(turn => turn.Asked = true);
    }

    public void Started(string turnId)
    {
        if (_turns.Count == MaxTurns)
        {
            Finish();
        }

        _turns.Add(new Turn(turnId));
        events.SpeechStarted(turnId);
    }

    /// <param name="voiced">False: hardly a word; nobody has to wait for one.</param>
    /// <param name="asked">The model is asked about it.</param>
    public void Stopped(string turnId, bool voiced, bool asked)
    {
        events.SpeechStopped(turnId);
        if (_turns.Find(turn => turn.Id == turnId) is { } turn)
        {
            turn.StoppedAt = turn.ChangedAt = time.GetTimestamp();
            (turn.Voiced, turn.Asked) = (voiced, asked);
            Settle();
        }
    }

    /// <summary>The model answers: what it answers was speech, even should its words never come.</summary>
    public void Answered() => Conclude(turn => turn.Answered = true);

    /// <summary>The model has nothing to say to it.</summary>
    public void Unanswered() => Conclude(turn => turn.Asked = false);

    /// <summary>A fragment that is sure.</summary>
    public void Heard(string fragment) => Change(turn =>
    {
        turn.Text.Append(fragment);
        turn.Interim = "";
    });

    /// <summary>A guess at what follows the fragments; the next one replaces it.</summary>
    public void Guessed(string text) => Change(turn => turn.Interim = text);

    /// <summary>Finishes what is complete by now.</summary>
    public void Settle()
    {
        while (_turns is [{ StoppedAt: not null } oldest, ..])
        {
            if (oldest is { HasWords: false, Asked: true, Answered: false })
            {
                return;
            }

            var wait = oldest.HasWords ? Settled : oldest.Answered ? Straggling : oldest.Voiced ? Patience : TimeSpan.Zero;
            var left = wait - time.GetElapsedTime(oldest.ChangedAt);
            if (left > TimeSpan.Zero)
            {
                wake(left);
                return;
            }

            Finish();
        }
    }

    private void Conclude(Action<Turn> conclude)
    {
        foreach (var turn in _turns.FindAll(turn => turn.StoppedAt is not null && !turn.HasWords))
        {
            conclude(turn);
            turn.ChangedAt = turn.Answered ? time.GetTimestamp() : turn.ChangedAt;
        }

        Settle();
    }

    private void Change(Action<Turn> change)
    {
        if (_turns is [var oldest, ..])
        {
            change(oldest);
            Understood = true;
            oldest.ChangedAt = time.GetTimestamp();
            events.CallerPartial(oldest.Id, oldest.Words);
            Settle();
        }
    }

    private void Finish()
    {
        var turn = _turns[0];
        _turns.RemoveAt(0);
        if (turn.StoppedAt is not null && _turns is [{ StoppedAt: not null } next, ..])
        {
            // Its words had to wait for those of the turn before.
            next.ChangedAt = time.GetTimestamp();
        }

        if (turn.HasWords)
        {
            events.CallerFinal(turn.Id, turn.Words, null);
        }
        else
        {
            events.CallerFinal(turn.Id, turn.Answered ? "(inaudible)" : "", 0);
        }
    }

    private sealed class Turn(string id)
    {
        public string Id { get; } = id;

        public StringBuilder Text { get; } = new();

        public string Interim { get; set; } = "";

        public bool HasWords => !string.IsNullOrWhiteSpace(Words);

        public string Words => $"{Text}{Interim}".Trim();

        public long? StoppedAt { get; set; }

        public long ChangedAt { get; set; }

        public bool Voiced { get; set; }

        public bool Asked { get; set; }

        public bool Answered { get; set; }
    }
}
