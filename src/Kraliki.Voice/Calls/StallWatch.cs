namespace Kraliki.Voice.Calls;

/// <summary>What a provider owes: to notice the caller, to end his turn, to answer. A provider that dies without a word is known by nothing else.</summary>
/// <remarks>Milliseconds of the call's clock. Not thread-safe.</remarks>
internal sealed class StallWatch
{
    private double? _owesSince;
    private double? _unheardSince;
    private double? _unpaidSince;
    private string? _openTurn;

    // Our own ear does not know what the provider takes for speech: a quiet caller, who may go on.
    private bool _faint;

    /// <summary>An answer is due.</summary>
    public bool Owing => _owesSince is not null;

    /// <summary>The provider has said that the caller began, and not yet that he stopped.</summary>
    public bool TurnOpen => _openTurn is not null;

    /// <summary>Of something that the caller said it has not said all that it must.</summary>
    public bool Unheard => _unheardSince is not null;

    /// <summary>Another provider has the call, or nobody.</summary>
    public void Reset() => (_owesSince, _unheardSince, _unpaidSince, _openTurn, _faint) = (null, null, null, null, false);

    /// <summary>It must say something, as soon as the caller has stopped.</summary>
    public void Owes(double now)
    {
        _owesSince = now;
        _unpaidSince = TurnOpen ? _unpaidSince : _unpaidSince ?? now;
    }

    /// <summary>It owes no answer any more.</summary>
    public void Paid(double now)
    {
        (_owesSince, _unpaidSince) = (null, null);
        Alive(now);
    }

    /// <summary>A piece of the answer came; the rest is owed from now.</summary>
    public void Progress(double now)
    {
        (_owesSince, _unpaidSince) = (now, null);
        Alive(now);
    }

    /// <summary>Our own ear: the caller makes no sound any more. Whoever owed him an answer has his time from now.</summary>
    /// <param name="noticeable">To notice this sound, or to end the turn that it belongs to, is the provider's.</param>
    public void CallerStopped(bool noticeable, double now)
    {
        _owesSince = Owing ? now : null;
        if (noticeable)
        {
            (_unheardSince, _faint) = (TurnOpen ? now : _unheardSince ?? now, false);
        }
    }

    /// <summary>Our own ear: he goes on with the turn that the provider has noticed.</summary>
    public void CallerGoesOn()
    {
        if (TurnOpen)
        {
            (_unheardSince, _faint) = (null, false);
        }
    }

    /// <summary>The provider has noticed that the caller began: no answer is due until he stops.</summary>
    /// <param name="speaking">Our own ear hears him still. Otherwise it is told of what is over, and has its end to tell as well.</param>
    /// <param name="heard">Our own ear knows what this is about.</param>
    public void TurnBegan(string turnId, bool speaking, bool heard, double now)
    {
        _faint = !heard;
        (_owesSince, _unheardSince, _openTurn) = (null, speaking ? null : now, turnId);
    }

    /// <summary>It writes down what is being said.</summary>
    public void TurnGoesOn(double now) => (_unheardSince, _unpaidSince) = (_unheardSince is null ? null : now, null);

    /// <summary>It says that he has stopped: the answer is due.</summary>
    public void TurnStopped(double now) => (_owesSince, _unheardSince, _unpaidSince, _openTurn) = (now, null, _unpaidSince ?? now, null);

    /// <summary>All of the turn is written down. Of an earlier one this may come while the next is open.</summary>
    public void TurnWritten(string turnId)
    {
        _unpaidSince = null;
        if (turnId == _openTurn)
        {
            (_unheardSince, _openTurn) = (null, null);
        }
    }

    /// <param name="limit">Longest silence of a provider whose turn it is, milliseconds. A caller who goes on asking for an answer postpones it once.</param>
    /// <param name="speaking">Our own ear hears the caller: an answer is not due while he speaks.</param>
    /// <param name="patience">How much later than the caller's last sound it may see the end of his turn, milliseconds.</param>
    public bool Overdue(double now, bool speaking, double limit, double patience)
    {
        double turn = TurnOpen ? patience : 0;
        return (!TurnOpen && !speaking && now - _owesSince >= limit)
            || now - _unheardSince >= limit + turn + (_faint ? limit : 0)
            || now - _unpaidSince >= (2 * limit) + patience;
    }

    // Of what was said before an open turn it has spoken; that it ends that turn is still to come.
    private void Alive(double now) => _unheardSince = TurnOpen && _unheardSince is not null ? now : null;
}
