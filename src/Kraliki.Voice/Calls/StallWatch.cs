namespace Kraliki.Voice.Calls;

/// <summary>What a provider owes: to notice the caller, to end his turn, to answer. A provider that dies without a word is known by nothing else.</summary>
/// <remarks>Milliseconds of the call's clock. Not thread-safe.</remarks>
internal sealed class StallWatch
{
    private double? _owesSince;
    private double? _unheardSince;
    private string? _openTurn;

    /// <summary>An answer is due.</summary>
    public bool Owing => _owesSince is not null;

    /// <summary>The provider has said that the caller began, and not yet that he stopped.</summary>
    public bool TurnOpen => _openTurn is not null;

    /// <summary>Of something that the caller said it has not said all that it must.</summary>
    public bool Unheard => _unheardSince is not null;

    /// <summary>Another provider has the call, or nobody.</summary>
    public void Reset() => (_owesSince, _unheardSince, _openTurn) = (null, null, null);

    /// <summary>It must say something now.</summary>
    public void Owes(double now) => _owesSince = now;

    /// <summary>It owes no answer any more.</summary>
    public void Paid(double now)
    {
        _owesSince = null;
        Alive(now);
    }

    /// <summary>A piece of the answer came; the rest is owed from now.</summary>
    public void Progress(double now)
    {
        _owesSince = now;
        Alive(now);
    }

    /// <summary>Our own ear: the caller has said something and stopped, and it is the provider's to notice that.</summary>
    public void CallerStopped(double now) => _unheardSince = now;

    /// <summary>Our own ear: he goes on with the turn that the provider has noticed.</summary>
    public void CallerGoesOn()
    {
        if (TurnOpen)
        {
            _unheardSince = null;
        }
    }

    /// <summary>The provider has noticed that the caller began: no answer is due until he stops.</summary>
    /// <param name="speaking">Our own ear hears him still. Otherwise the provider is told of what is over, and has its end to tell as well.</param>
    public void TurnBegan(string turnId, bool speaking, double now)
    {
        (_owesSince, _openTurn) = (null, turnId);
        _unheardSince = speaking || _unheardSince is null ? null : now;
    }

    /// <summary>It writes down what is being said.</summary>
    public void TurnGoesOn(double now) => _unheardSince = _unheardSince is null ? null : now;

    /// <summary>It says that he has stopped: the answer is due.</summary>
    public void TurnStopped(double now) => (_owesSince, _unheardSince, _openTurn) = (now, null, null);

    /// <summary>All of the turn is written down. Of an earlier one this may come while the next is open.</summary>
    public void TurnWritten(string turnId)
    {
        if (turnId == _openTurn)
        {
            (_unheardSince, _openTurn) = (null, null);
        }
    }

    /// <param name="limit">Longest silence of a provider whose turn it is, milliseconds.</param>
    /// <param name="patience">How much later than the caller's last sound it may see the end of his turn, milliseconds.</param>
    public bool Overdue(double now, double limit, double patience) =>
        (_owesSince is { } owes && now - owes >= limit) || (_unheardSince is { } unheard && now - unheard >= limit + (TurnOpen ? patience : 0));

    // Of what was said before an open turn it has spoken; that it ends that turn is still to come.
    private void Alive(double now) => _unheardSince = TurnOpen && _unheardSince is not null ? now : null;
}
