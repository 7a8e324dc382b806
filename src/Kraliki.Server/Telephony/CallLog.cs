using Kraliki.Server.Hosting;
using Kraliki.Voice.Calls;

namespace Kraliki.Server.Telephony;

/// <summary>The log of one call: every line names the session once it is known, and the request that created it. Safe from any thread.</summary>
/// <remarks>An ambient scope would not do: a call's work is done on the threads of the sockets and of the shared clock, which belong to no call.</remarks>
internal sealed class CallLog(ILogger<CallLoop> log) : ILogger<CallLoop>
{
    private volatile LogScope? _session;

    /// <param name="trace">Of the request that created the session, once that is known.</param>
    public void Name(Guid sessionId, RequestTrace? trace = null) =>
        _session = new LogScope([("session_id", sessionId.ToString()), .. trace?.ToScope().Select(value => (value.Key, value.Value?.ToString())) ?? []]);

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull
        => log.BeginScope(state);

    public bool IsEnabled(LogLevel logLevel) => log.IsEnabled(logLevel);

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        using var scope = _session is { } session ? log.BeginScope(session) : null;
        log.Log(logLevel, eventId, state, exception, formatter);
    }
}
