using Kraliki.Client;

namespace Kraliki.OperatorConsole.Frame;

/// <summary>Whether this page can reach the server: what the browser says, and how the last request went.</summary>
public sealed class Reachability
{
    public bool BrowserOnline { get; private set; } = true;

    public bool ServerAnswers { get; private set; } = true;

    /// <summary>The live socket of the open call is between two connections.</summary>
    public bool Reconnecting { get; private set; }

    public event Action? Changed;

    public void BrowserIs(bool online) => Set(online, ServerAnswers, Reconnecting);

    public void Answered() => Set(BrowserOnline, true, Reconnecting);

    public void Failed(KralikiException fault) => Set(BrowserOnline, !fault.IsUnreachable, Reconnecting);

    public void LiveConnectionIs(bool reconnecting) => Set(BrowserOnline, ServerAnswers, reconnecting);

    private void Set(bool online, bool answers, bool reconnecting)
    {
        if ((online, answers, reconnecting) != (BrowserOnline, ServerAnswers, Reconnecting))
        {
            (BrowserOnline, ServerAnswers, Reconnecting) = (online, answers, reconnecting);
            Changed?.Invoke();
        }
    }
}
