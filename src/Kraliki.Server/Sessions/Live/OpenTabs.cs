namespace Kraliki.Server.Sessions.Live;

/// <summary>The browser tabs that have a session socket on this node and said who they are. Safe from any thread.</summary>
internal sealed class OpenTabs
{
    private readonly Lock _gate = new();

    // As many as there are open sockets. A tab that reconnects has two for a moment.
    private readonly Dictionary<(Guid Session, string User, string Client), int> _sockets = [];

    /// <summary>One more socket of the tab, until it is disposed of.</summary>
    public IDisposable Join(Guid session, string user, string client)
    {
        lock (_gate)
        {
            _sockets[(session, user, client)] = _sockets.GetValueOrDefault((session, user, client)) + 1;
        }

        return new Socket(this, (session, user, client));
    }

    public bool Has(Guid session, string user, string client)
    {
        lock (_gate)
        {
            return _sockets.ContainsKey((session, user, client));
        }
    }

    private void Leave((Guid Session, string User, string Client) tab)
    {
        lock (_gate)
        {
            if (--_sockets[tab] == 0)
            {
                _sockets.Remove(tab);
            }
        }
    }

    private sealed class Socket(OpenTabs tabs, (Guid Session, string User, string Client) tab) : IDisposable
    {
        public void Dispose() => tabs.Leave(tab);
    }
}
