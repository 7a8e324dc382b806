using Kraliki.Server.Telephony;
using Kraliki.Voice.Calls;
using Microsoft.Extensions.Logging;

namespace Kraliki.Server.Tests.Telephony;

public sealed class CallLogTests
{
    [Fact]
    public void Every_line_of_a_call_names_its_session_from_whatever_thread_it_comes()
    {
        var lines = new Lines();
        var log = new CallLog(lines);
        var session = Guid.CreateVersion7();

        Write(log);
        log.Name(session);
        var thread = new Thread(() => Write(log));
        thread.UnsafeStart();
        thread.Join();

        Assert.Equal([null, $"session_id:{session}"], lines.Scopes);
        Assert.Null(lines.Current);
    }

    private static void Write(ILogger log) => log.Log(LogLevel.Error, default, "line", null, (line, _) => line);

    private sealed class Lines : ILogger<CallLoop>
    {
        public List<string?> Scopes { get; } = [];

        public string? Current { get; private set; }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull
        {
            Current = state.ToString();
            return new End(this);
        }

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Scopes.Add(Current);

        private sealed class End(Lines lines) : IDisposable
        {
            public void Dispose() => lines.Current = null;
        }
    }
}
