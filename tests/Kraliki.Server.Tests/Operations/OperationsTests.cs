using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Kraliki.Contracts;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Kraliki.Server.Tests.Operations;

public sealed class OperationsTests(ServerFixture fixture)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Alive_and_ready_are_told_to_anybody()
    {
        using var client = fixture.Server.Anonymous();
        Assert.Equal("""{"status":"healthy","checks":{},"reasons":{}}""", await client.GetStringAsync("health/live", Cancel));
        Assert.Equal("""{"status":"healthy","checks":{"database":"healthy","sessions":"healthy"},"reasons":{}}""", await client.GetStringAsync("health/ready", Cancel));
    }

    [Fact]
    public async Task Each_provider_tells_whether_it_can_take_calls()
    {
        using var client = fixture.Server.Anonymous();
        using var providers = JsonDocument.Parse(await client.GetStringAsync("health/providers", Cancel));
        Assert.Equal(["openai", "gemini", "deepgram", "deepgram_agent", "local"], providers.RootElement.EnumerateArray().Select(provider => provider.GetProperty("name").GetString()));
    }

    [Fact]
    public async Task The_console_knows_before_sign_in_that_this_is_a_demo()
    {
        using var client = fixture.Server.Anonymous();
        var info = await client.GetFromJsonAsync("api/v1/console-info", ContractsJson.Default.ConsoleInfo, Cancel);
        Assert.True(info!.Demo);
        Assert.Equal(RunningServer.Operator, info.DemoEmail);
        Assert.StartsWith("Demo mode", info.Notices[0]);
    }

    [Fact]
    public async Task A_browsers_error_is_one_line_of_our_log_with_the_request_id()
    {
        var lines = new Recorder();
        await using var server = await RunningServer.StartAsync(Cancel, new ServerSetup(Settings: RunningServer.Silent, Change: builder => builder.Services.AddSingleton<ILoggerProvider>(lines)));
        using var client = await server.SignInAsync(Cancel);
        client.DefaultRequestHeaders.Add("X-Request-ID", "report-1");

        using var answer = await client.PostAsJsonAsync(
            "api/v1/error-reports",
            new ErrorReport("Transcript failed\nfake: entry", "desk", "req-9"),
            ContractsJson.Default.ErrorReport,
            Cancel);
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        var line = Assert.Single(lines.Entries, entry => entry.StartsWith("A browser reported", StringComparison.Ordinal));
        Assert.StartsWith("A browser reported: Transcript failed fake: entry at desk (request req-9) [request_id:report-1", line);
    }

    [Fact]
    public async Task A_page_that_fails_in_a_loop_does_not_fill_the_log()
    {
        var settings = new Dictionary<string, string>(RunningServer.Silent) { ["Kraliki:Limits:ReportsPerMinute"] = "3" };
        await using var server = await RunningServer.StartAsync(Cancel, new ServerSetup(Settings: settings));
        using var client = await server.SignInAsync(Cancel);
        var codes = new List<HttpStatusCode>();
        for (var i = 0; i < 4; i++)
        {
            using var answer = await client.PostAsJsonAsync("api/v1/error-reports", new ErrorReport("x"), ContractsJson.Default.ErrorReport, Cancel);
            codes.Add(answer.StatusCode);
        }

        Assert.Equal([HttpStatusCode.NoContent, HttpStatusCode.NoContent, HttpStatusCode.NoContent, HttpStatusCode.TooManyRequests], codes);
    }

    private sealed class Recorder : ILoggerProvider, ILogger, ISupportExternalScope
    {
        private readonly System.Collections.Concurrent.ConcurrentQueue<string> _entries = new();
        private IExternalScopeProvider? _scopes;

        public IEnumerable<string> Entries => _entries;

        public ILogger CreateLogger(string categoryName) => this;

        public void SetScopeProvider(IExternalScopeProvider scopeProvider) => _scopes = scopeProvider;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => _scopes?.Push(state);

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            var scopes = new List<string>();
            _scopes?.ForEachScope((scope, list) => list.Add(scope as Kraliki.Server.Hosting.LogScope is { } ours ? ours.ToString() : ""), scopes);
            _entries.Enqueue($"{formatter(state, exception)} [{string.Join("", scopes)}]");
        }

        public void Dispose()
        {
        }
    }
}
