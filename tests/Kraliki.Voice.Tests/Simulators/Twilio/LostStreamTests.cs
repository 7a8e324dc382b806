using Kraliki.Simulators.Twilio;

namespace Kraliki.Voice.Tests.Simulators.Twilio;

/// <summary>An application whose media connection breaks, and what the simulated carrier makes of it.</summary>
public sealed class LostStreamTests
{
    private const string Waits = "- wait: 30s";

    [Theory]
    [InlineData("go_on", 0, 2_000)]
    [InlineData("go_on:700", 700, 3_000)]
    public async Task The_carrier_goes_on_with_what_follows_the_stream_at_once_or_later(string lost, int leastMs, int mostMs)
    {
        await using var app = await StartAsync(lost);
        var call = await app.CallAsync(Waits);
        (await BeginAsync(app)).Abort();

        var second = await BeginAsync(app);
        await second.SpeakAsync(TestApp.Speech(100));
        await second.MarkAsync("heard");
        await second.ReadAsync("mark");

        var report = call.Report();
        var silence = Assert.Single(report.Interruptions);
        Assert.Equal(("lost", "lost"), (silence.By, report.Streams[0].ClosedBy));
        Assert.InRange(silence.StreamMs!.Value - silence.AtMs, leastMs, mostMs);
        Assert.True(silence.AgentMs >= silence.StreamMs && silence.SilenceMs == silence.AgentMs - silence.AtMs, silence.ToString());
    }

    [Fact]
    public async Task A_caller_waits_in_silence_until_the_call_is_redirected()
    {
        await using var app = await StartAsync("wait");
        var call = await app.CallAsync(Waits);
        (await BeginAsync(app)).Abort();
        await UntilAsync(call, "stream_ended");
        Assert.Equal(["POST " + app.Url + "/voice"], call.Report().Twiml.Where(step => step.StartsWith("POST", StringComparison.Ordinal)));

        call.Redirect(new TwimlSource($"{app.Url}/after", null));
        await BeginAsync(app);

        Assert.NotNull(Assert.Single(call.Report().Interruptions).StreamMs);
    }

    [Fact]
    public async Task The_carrier_ends_the_call()
    {
        await using var app = await StartAsync("end");
        var call = await app.CallAsync(Waits);
        (await BeginAsync(app)).Abort();

        var report = await TestApp.EndAsync(call);

        Assert.Equal((CallEnder.Carrier, "stream_lost"), (report.End!.By, report.End.How));
        Assert.Null(Assert.Single(report.Interruptions).StreamMs);
        Assert.Equal("completed", (await app.StatusAsync()).Form["CallStatus"]);
    }

    [Fact]
    public async Task What_becomes_of_a_call_is_changed_while_it_runs_or_was_said_when_it_was_placed()
    {
        await using var app = await StartAsync("end");
        app.Carrier.LostStream = LostStream.Read("go_on");
        await app.CallAsync(Waits);
        (await BeginAsync(app)).Abort();
        await BeginAsync(app);

        var other = await app.Carrier.PlaceCallAsync(
            new InboundCall($"{app.Url}/voice", "+12025550100", TestApp.Script(Waits), LostStream: new(AfterLoss.End)), TestContext.Current.CancellationToken);
        (await BeginAsync(app)).Abort();
        Assert.Equal("stream_lost", (await TestApp.EndAsync(other)).End!.How);
    }

    [Fact]
    public async Task A_redirect_does_not_wait_for_an_application_that_has_frozen()
    {
        await using var app = await StartAsync("go_on");
        var call = await app.CallAsync(Waits);
        await BeginAsync(app);

        // Nobody reads the first stream any more.
        call.Redirect(new TwimlSource($"{app.Url}/after", null));
        await BeginAsync(app);

        var report = call.Report();
        Assert.Equal("carrier", report.Streams[0].ClosedBy);
        Assert.InRange(Assert.Single(report.Interruptions).StreamMs!.Value - report.Streams[0].OpenedMs, 0, 3_000);
    }

    [Theory]
    [InlineData("later")]
    [InlineData("go_on:soon")]
    public void What_cannot_follow_a_lost_stream_is_refused(string text) => Assert.Throws<FormatException>(() => LostStream.Read(text));

    private static async Task<TestApp> StartAsync(string lost)
    {
        var app = await TestApp.StartAsync(new TwilioSimulatorOptions { LostStream = LostStream.Read(lost) });
        app.Answers["/voice"] = app.Answers["/after"] = _ =>
            TestApp.Twiml($"<Response><Connect action='{app.Url}/after'><Stream url='{app.MediaUrl}'/></Connect></Response>");
        return app;
    }

    private static async Task<MediaSocket> BeginAsync(TestApp app)
    {
        var stream = await app.StreamAsync();
        await stream.StartAsync();
        return stream;
    }

    private static async Task UntilAsync(SimulatedCall call, string kind)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(10));
        await foreach (var happened in call.ProgressAsync(limit.Token))
        {
            if (happened.Kind == kind)
                return;
        }
    }
}
