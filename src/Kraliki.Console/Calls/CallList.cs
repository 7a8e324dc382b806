using Kraliki.Client;
using Kraliki.Contracts;
using Kraliki.OperatorConsole.Frame;

namespace Kraliki.OperatorConsole.Calls;

/// <summary>The calls of the live desk, kept fresh by asking for the newest page. One thread.</summary>
/// <remarks>The whole first page is asked for each time: it is small, and nothing can be missed after a gap of any length.</remarks>
public sealed class CallList(KralikiClient client, Reachability reachability, TimeProvider time)
{
    private const int PageSize = 40;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    public IReadOnlyList<SessionView> Live { get; private set; } = [];

    public IReadOnlyList<SessionView> Recent { get; private set; } = [];

    public bool Loaded { get; private set; }

    /// <summary>Why the last refresh failed; the calls shown are then from before.</summary>
    public KralikiException? Fault { get; private set; }

    public event Action? Changed;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        do
        {
            await RefreshAsync(cancellationToken);
        }
        while (await timer.WaitForNextTickAsync(cancellationToken));
    }

    public async Task RefreshAsync(CancellationToken cancellationToken)
    {
        try
        {
            var page = await client.ListSessionsAsync(new SessionFilter(Limit: PageSize), cancellationToken);
            Live = [.. page.Items.Where(session => !SessionStates.IsTerminal(session.State))];
            Recent = [.. page.Items.Where(session => SessionStates.IsTerminal(session.State))];
            Loaded = true;
            Fault = null;
            reachability.Answered();
        }
        catch (KralikiException fault)
        {
            Fault = fault;
            reachability.Failed(fault);
        }

        Changed?.Invoke();
    }
}
