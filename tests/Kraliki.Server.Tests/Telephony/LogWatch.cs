using Kraliki.Server.Tests.Sessions;
using Microsoft.Extensions.Logging;

namespace Kraliki.Server.Tests.Telephony;

/// <summary>The lines that the server logs, as events to wait for.</summary>
internal sealed class LogWatch : ILoggerProvider
{
    private readonly Lock _gate = new();
    private TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Looks after each new line until there is something to see.</summary>
    public async Task<T> UntilAsync<T>(Func<Task<T?>> look, string otherwise, CancellationToken cancellationToken)
        where T : class
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(SessionServer.Patience);
        while (true)
        {
            Task next;
            lock (_gate)
            {
                next = _next.Task;
            }

            if (await look() is { } seen)
            {
                return seen;
            }

            try
            {
                await next.WaitAsync(limit.Token);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                throw new TimeoutException(otherwise);
            }
        }
    }

    public ILogger CreateLogger(string categoryName) => new Line(this);

    public void Dispose()
    {
    }

    private void Tell()
    {
        TaskCompletionSource told;
        lock (_gate)
        {
            told = _next;
            _next = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        told.SetResult();
    }

    private sealed class Line(LogWatch watch) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull
            => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => watch.Tell();
    }
}
