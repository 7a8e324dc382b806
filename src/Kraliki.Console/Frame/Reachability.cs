using Kraliki.Client;

namespace Kraliki.OperatorConsole.Frame;

/// <summary>Whether this page can reach the server: what the browser says, and how the last request went.</summary>
public sealed class Reachability
{
    public bool BrowserOnline { get; private set; } = true;

    public bool ServerAnswers { get; private set; } = true;

    /// <summary>The live socket of the open call is between two connections.</summary>
    public bool Reconnecting { get; private set; }

    /// <summary>When the live socket tries again; null while it is trying.</summary>
    public DateTimeOffset? RetryAt { get; private set; }

    public event Action? Changed;

    public void BrowserIs(bool online) => Set(online, ServerAnswers, Reconnecting, RetryAt);

    public void Answered() => Set(BrowserOnline, true, Reconnecting, RetryAt);

    public void Failed(KralikiException fault) => Set(BrowserOnline, !fault.IsUnreachable, Reconnecting, RetryAt);

    public void LiveConnectionIs(bool reconnecting, DateTimeOffset? retryAt) => Set(BrowserOnline, ServerAnswers, reconnecting, reconnecting ? retryAt : null);

    private void Set(bool online, bool answers, bool reconnecting, DateTimeOffset? retryAt)
    {
        if ((online, answers, reconnecting, retryAt) != (BrowserOnline, ServerAnswers, Reconnecting, RetryAt))
        {
            (BrowserOnline, ServerAnswers, Reconnecting, RetryAt) = (online, answers, reconnecting, retryAt);
            Changed?.Invoke();
        }
    }
}
