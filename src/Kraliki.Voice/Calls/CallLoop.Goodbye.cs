namespace Kraliki.Voice.Calls;

/// <summary>An end that somebody decided who is not in the conversation: nobody's word is cut for it.</summary>
public sealed partial class CallLoop
{
    // Two people who talk without a pause for so long are interrupted by the goodbye.
    private static readonly TimeSpan PausePatience = TimeSpan.FromSeconds(15);

    // Nothing was said by then: it will not be.
    private static readonly TimeSpan GoodbyePatience = TimeSpan.FromSeconds(30);

    // Whoever still speaks by then is cut off after all.
    private static readonly TimeSpan UtmostPatience = TimeSpan.FromSeconds(60);

    private Goodbye? _goodbye;

    private void EndAfter(EndAfterGoodbye wish)
    {
        if (_goodbye is null)
        {
            _goodbye = new(wish, Now());
        }
        else if (_goodbye == _goodbyeToNobody)
        {
            // It may be on its way already, but now nobody who speaks up calls it off.
            _goodbye.Wish = wish;
            _goodbyeToNobody = null;
        }
    }

    private void SayGoodbye(double now)
    {
        if (_goodbye is not { } goodbye || _outcome is not null)
        {
            return;
        }

        double since = now - goodbye.Since;
        bool free = _chain?.AtBoundary() == true;
        if (!goodbye.Asked && _chain?.Connection is not null && (free || since >= PausePatience.TotalMilliseconds))
        {
            (goodbye.Asked, goodbye.Answers, free) = (true, 0, false);
            Instruct(goodbye.Wish.Instruction);
        }

        // A caller who interrupts the goodbye is answered once more.
        bool said = goodbye is { Asked: true, Answers: > 0 } || since >= GoodbyePatience.TotalMilliseconds;
        if ((said && free && _player.Current is null) || since >= UtmostPatience.TotalMilliseconds)
        {
            Finish(goodbye.Wish.Reason, goodbye.Wish.Detail);
        }
    }

    private sealed class Goodbye(EndAfterGoodbye wish, double since)
    {
        public EndAfterGoodbye Wish { get; set; } = wish;

        public double Since { get; } = since;

        /// <summary>The assistant was told to say it.</summary>
        public bool Asked { get; set; }

        /// <summary>That the assistant has begun since.</summary>
        public int Answers { get; set; }
    }
}
