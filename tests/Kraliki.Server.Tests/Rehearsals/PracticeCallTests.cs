using System.Net;
using System.Net.Http.Json;
using System.Text;
using Kraliki.Client;
using Kraliki.Contracts;
using Kraliki.Server.Rehearsals;
using Kraliki.Simulators.Callers;
using Kraliki.Tests.Shared;
using Microsoft.Extensions.DependencyInjection;

namespace Kraliki.Server.Tests.Rehearsals;

/// <summary>Whole calls with real speech: simulated caller and carrier, the call path, a provider.</summary>
public sealed class PracticeCallTests(ServerFixture fixture)
{
    // Speaks over the greeting, so that neither the test nor the caller waits for its end.
    private const string Script =
        """
        name: {0}
        title: Asks for the opening hours
        description: Interrupts the greeting, hears a part of the answer and hangs up.
        steps:
          - interrupt: What are your opening hours, please?
            after: speech+600ms
          - expect: open
          - hang_up: true
            after: speech+1500ms
        """;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("local")]
    [InlineData("openai")]
    [InlineData("gemini")]
    [InlineData("deepgram")]
    [InlineData("deepgram_agent")]
    public async Task A_practice_call_is_heard_answered_and_judged(string provider)
    {
        using var api = await SignInAsync();
        var rehearsal = await api.StartRehearsalAsync(new StartRehearsal(Known($"hours-{provider}"), provider), Cancelled);
        Assert.Equal((RehearsalStatus.Queued, provider, "twilio"), (rehearsal.Status, rehearsal.Provider, rehearsal.TelephonyProvider));

        rehearsal = await FinishedAsync(api, rehearsal);

        Assert.True(rehearsal.Status == RehearsalStatus.Passed, rehearsal.Failure);
        var report = rehearsal.Report!;
        Assert.Equal(EndReason.CallerHungUp, report.EndReason);
        Assert.True(report.WordErrorRate <= 0.4, $"The word error rate is {report.WordErrorRate}: {string.Join(" / ", report.Turns.Select(turn => turn.Heard))}");
        Assert.InRange(Assert.Single(report.BargeInToClearMs), 1, 1500);
        Assert.InRange(Assert.Single(report.FirstAnswerMs), 1, 10_000);
        var session = await api.GetSessionAsync(rehearsal.SessionId!.Value, Cancelled);
        Assert.Equal((SessionState.Completed, rehearsal.Id.ToString()), (session.State, session.Metadata["rehearsal"]));
        Assert.Contains((await api.GetEventsAsync(session.Id, cancellationToken: Cancelled)).Items, happened => happened.Data is BargeIn);
        Assert.Equal(provider, session.Usage![0].Provider);
        Assert.InRange(session.Usage[0].AudioInSeconds, 1, 60);
        Assert.Equal((provider != "local", 0), (session.Cost is { Amount: > 0, Estimated: true }, session.Cost!.Unpriced.Count));
    }

    [Theory]
    [InlineData("""{"script":"nobody"}""", "script", "booking")]
    [InlineData("""{"script":"../../etc/passwd.yaml"}""", "script", "booking")]
    [InlineData("""{"provider":"nobody"}""", "provider", "openai, gemini, deepgram, deepgram_agent, local")]
    [InlineData("""{"telephony_provider":"pigeon"}""", "telephony_provider", "twilio")]
    public async Task What_cannot_be_rehearsed_is_refused_with_what_can(string body, string field, string choice)
    {
        using var http = await fixture.Server.SignInAsync(Cancelled);
        using var content = new StringContent(body, Encoding.UTF8, "application/json");

        using var answer = await http.PostAsync("api/v1/rehearsals", content, Cancelled);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        var problem = await answer.Content.ReadFromJsonAsync(ContractsJson.Default.Problem, Cancelled);
        Assert.Equal("validation_failed", problem!.Code);
        Assert.Contains(choice, Assert.Single(problem.Errors![field]), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("""{"script":7}""")]
    public async Task A_body_that_is_no_request_is_refused(string body)
    {
        using var http = await fixture.Server.SignInAsync(Cancelled);
        using var content = new StringContent(body, Encoding.UTF8, "application/json");

        using var answer = await http.PostAsync("api/v1/rehearsals", content, Cancelled);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Fact]
    public async Task A_call_that_never_comes_fails_its_rehearsal_and_ends_its_session()
    {
        // Nobody answers there: the simulated carrier cannot ask what to do with its call.
        await using var server = await RunningServer.StartAsync(Cancelled, new(Settings: new Dictionary<string, string> { ["Kraliki:PublicUrl"] = "http://127.0.0.1:9" }));
        using var api = server.Api();
        await api.LoginAsync(RunningServer.Operator, server.Password, TokenTransport.Body, Cancelled);

        var rehearsal = await FinishedAsync(api, await api.StartRehearsalAsync(new StartRehearsal("silent", "local"), Cancelled));

        Assert.Equal(RehearsalStatus.Failed, rehearsal.Status);
        Assert.Contains("The call never reached its session. The carrier reports: 11200", rehearsal.Failure, StringComparison.Ordinal);
        var session = await api.GetSessionAsync(rehearsal.SessionId!.Value, Cancelled);
        Assert.Equal((SessionState.Failed, EndReason.CancelledBeforeConnect), (session.State, session.EndReason!.Value));
    }

    [Fact]
    public async Task The_command_prints_the_conversation_and_the_report_and_tells_by_its_exit_code()
    {
        string path = Path.Combine(Path.GetTempPath(), $"hours-{Guid.NewGuid():N}.yaml");
        await File.WriteAllTextAsync(path, Yaml("hours-command"), Cancelled);
        using var output = new StringWriter();
        using var errors = new StringWriter();
        try
        {
            int code = await RehearseCommand.RunAsync([path, "--provider", "local"], output, errors, width: null, Cancelled);

            string printed = output.ToString();
            Assert.True(code == 0, printed + errors);
            Assert.Matches("(?m)^ +[0-9.]+  caller    .*hours", printed);
            Assert.Matches("(?m)^ +[0-9.]+  assistant We are open", printed);
            Assert.Contains("Expectations     1 of 1 met", printed, StringComparison.Ordinal);
            Assert.EndsWith("PASSED", printed.TrimEnd(), StringComparison.Ordinal);
            Assert.Equal("", errors.ToString());
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Theory]
    [InlineData("There is no caller script 'nobody'. Known scripts: booking, ", "nobody")]
    [InlineData("There is no caller script 'nothing.yaml'. Known scripts: booking, ", "nothing.yaml")]
    [InlineData("'human' is one script too many", "booking", "human")]
    [InlineData("'--loud' is not an option of rehearse.", "--loud")]
    public async Task A_wrong_argument_of_the_command_is_named(string sentence, params string[] args)
    {
        using var output = new StringWriter();
        using var errors = new StringWriter();

        Assert.Equal(2, await RehearseCommand.RunAsync(args, output, errors, width: null, Cancelled));

        Assert.StartsWith(sentence, errors.ToString(), StringComparison.Ordinal);
        Assert.Equal("", output.ToString());
    }

    private static string Yaml(string name) => Script.Replace("{0}", name, StringComparison.Ordinal);

    private static Task<RehearsalView> FinishedAsync(KralikiClient api, RehearsalView rehearsal) => Until.FoundAsync(
        async () => await api.GetRehearsalAsync(rehearsal.Id, Cancelled) is { Status: not (RehearsalStatus.Queued or RehearsalStatus.Running) } finished ? finished : null,
        "the rehearsal did not finish",
        Cancelled,
        Patience);

    /// <summary>The script under a name that the server knows from now on.</summary>
    private string Known(string name)
    {
        fixture.Server.Services.GetRequiredService<RehearsalScripts>().Add(CallerScriptReader.Read(Yaml(name), name + ".yaml"));
        return name;
    }

    private async Task<KralikiClient> SignInAsync()
    {
        var api = fixture.Server.Api();
        await api.LoginAsync(RunningServer.Operator, fixture.Server.Password, TokenTransport.Body, Cancelled);
        return api;
    }
}
