using System.Net.WebSockets;
using System.Text.Json;
using Kraliki.Simulators;
using Kraliki.Simulators.Faults;
using Kraliki.Simulators.Twilio;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Kraliki.Voice.Tests.Simulators.Twilio;

/// <summary>Whole calls over real sockets against a small application.</summary>
public sealed class TwilioCallTests
{
    private const string Waits = "- wait: 30s";

    [Fact]
    public async Task A_call_is_asked_for_signed_and_streamed_as_Twilio_does_it()
    {
        await using var app = await TestApp.StartAsync();
        var call = await app.CallAsync(Waits);
        var stream = await app.StreamAsync();

        var connected = await stream.ReadAsync();
        var start = await stream.StartAsync();
        var media = await stream.ReadAsync("media");

        Assert.True(app.Asked.TryDequeue(out var webhook));
        Assert.Equal(TwilioSignature.Sign(app.Carrier.AuthToken, webhook.Url, webhook.Form), webhook.Signature);
        Assert.NotEmpty(webhook.Idempotency);
        Assert.Equal(("ringing", "inbound", call.Sid), (webhook.Form["CallStatus"], webhook.Form["Direction"], webhook.Form["CallSid"]));
        Assert.Equal(TwilioSignature.Sign(app.Carrier.AuthToken, app.MediaUrl, []), stream.Signature);
        Assert.Equal("connected", connected!.Value.GetProperty("event").GetString());
        Assert.Equal("t1", start.GetProperty("start").GetProperty("customParameters").GetProperty("token").GetString());
        Assert.Equal("2", media.GetProperty("sequenceNumber").GetString());
        Assert.Equal(160, media.GetProperty("media").GetProperty("payload").GetBytesFromBase64().Length);
    }

    [Fact]
    public async Task Caller_audio_comes_every_20_ms()
    {
        await using var app = await TestApp.StartAsync();
        await app.CallAsync(Waits);
        var stream = await app.StreamAsync();
        await stream.StartAsync();

        var stamps = new List<int>();
        for (var i = 0; i < 40; i++)
            stamps.Add(int.Parse((await stream.ReadAsync("media")).GetProperty("media").GetProperty("timestamp").GetString()!, null));

        // A beat may come late on a busy machine, but it is made up for.
        Assert.InRange(stamps[^1] - stamps[0], 39 * 20 - 40, 39 * 20 + 250);
    }

    [Fact]
    public async Task A_mark_returns_when_its_audio_has_played()
    {
        await using var app = await TestApp.StartAsync();
        var call = await app.CallAsync(Waits, record: true);
        var stream = await app.StreamAsync();
        await stream.StartAsync();

        await stream.MarkAsync("nothing before it");
        await stream.SpeakAsync(TestApp.Speech(300));
        await stream.MarkAsync("after 300 ms");
        await stream.ReadAsync("mark");
        await stream.ReadAsync("mark");

        var marks = call.Report().Marks;
        Assert.Equal(["nothing before it", "after 300 ms"], marks.Select(mark => mark.Name));
        Assert.All(marks, mark => Assert.True(mark.Played));
        Assert.InRange(marks[0].ReturnedMs - marks[0].QueuedMs, 0, 10);
        Assert.InRange(marks[1].ReturnedMs - marks[1].QueuedMs, 280, 700);
        Assert.Equal(TestApp.Speech(300), call.Heard().SkipWhile(code => code == 0xFF).Take(2400));
    }

    [Fact]
    public async Task Clear_silences_the_agent_and_returns_outstanding_marks()
    {
        await using var app = await TestApp.StartAsync();
        var call = await app.CallAsync(Waits);
        var stream = await app.StreamAsync();
        await stream.StartAsync();

        await stream.SpeakAsync(TestApp.Speech(20_000));
        await stream.MarkAsync("never played");
        await stream.ClearAsync();
        var mark = await stream.ReadAsync("mark");

        Assert.Equal("never played", mark.GetProperty("mark").GetProperty("name").GetString());
        var report = call.Report();
        Assert.False(Assert.Single(report.Marks).Played);
        Assert.InRange(Assert.Single(report.Clears).DiscardedMs, 18_000, 20_000);
    }

    [Fact]
    public async Task The_caller_interrupts_and_the_report_has_the_delays()
    {
        await using var app = await TestApp.StartAsync();
        var call = await app.CallAsync("- interrupt: stop\n  after: 100ms\n- hang_up: true");
        var stream = await app.StreamAsync();
        await stream.StartAsync();
        await stream.SpeakAsync(TestApp.Speech(10_000));

        JsonElement media;
        do
            media = await stream.ReadAsync("media");
        while (media.GetProperty("media").GetProperty("payload").GetBytesFromBase64().All(code => code == 0xFF));
        await stream.ClearAsync();
        // The line takes 200 ms; the answer begins when it is over.
        do
            media = await stream.ReadAsync("media");
        while (media.GetProperty("media").GetProperty("payload").GetBytesFromBase64().Any(code => code != 0xFF));
        for (var i = 0; i < 15; i++)
            await stream.ReadAsync("media");
        await stream.SpeakAsync(TestApp.Speech(100));
        await stream.DrainAsync();

        var report = await TestApp.EndAsync(call);
        var line = Assert.Single(report.Lines);
        Assert.True(line.OverAgent);
        Assert.NotNull(line.ClearedAfterMs);
        Assert.InRange(line.ClearedAfterMs.Value, 0, 1000);
        // The pause between the two answers is shorter than the end of an answer.
        Assert.Single(report.Agent);
    }

    [Fact]
    public async Task The_caller_hangs_up_and_the_application_hears_stop_then_completed()
    {
        await using var app = await TestApp.StartAsync();
        var call = await app.CallAsync("- hang_up: true\n  after: speech+50ms");
        var stream = await app.StreamAsync();
        await stream.StartAsync();
        await stream.SpeakAsync(TestApp.Speech(100));

        var events = await stream.DrainAsync();
        var status = await app.StatusAsync();
        var report = await TestApp.EndAsync(call);

        Assert.Equal("stop", events[^1]);
        Assert.Equal(WebSocketCloseStatus.NormalClosure, stream.CloseStatus);
        Assert.Equal(("completed", "0", "call-progress-events"), (status.Form["CallStatus"], status.Form["CallDuration"], status.Form["CallbackSource"]));
        Assert.Equal(TwilioSignature.Sign(app.Carrier.AuthToken, status.Url, status.Form), status.Signature);
        Assert.Equal((CallEnder.Caller, "hang_up"), (report.End!.By, report.End.How));
        Assert.Equal(("carrier", 1000), (report.Streams[0].ClosedBy, report.Streams[0].CloseCode));
        Assert.Empty(report.Errors);
    }

    [Fact]
    public async Task When_the_application_closes_the_stream_the_action_goes_on_with_the_call()
    {
        await using var app = await TestApp.StartAsync();
        app.Answers["/voice"] = _ => TestApp.Twiml($"<Response><Connect action='/after'><Stream url='{app.MediaUrl}'/></Connect><Say>not reached</Say></Response>");
        app.Answers["/after"] = _ => TestApp.Twiml("<Response><Pause length='0'/><Hangup/></Response>");
        var call = await app.CallAsync(Waits);
        var stream = await app.StreamAsync();
        await stream.StartAsync();

        await stream.CloseAsync();

        var report = await TestApp.EndAsync(call);
        Assert.Equal(
            [$"POST {app.Url}/voice", $"Connect Stream {app.MediaUrl}", $"POST {app.Url}/after", "Pause 0 s", "Hangup"], report.Twiml);
        Assert.Equal((CallEnder.App, "hangup_verb"), (report.End!.By, report.End.How));
        Assert.Equal(("app", 1000, "done"), (report.Streams[0].ClosedBy, report.Streams[0].CloseCode, report.Streams[0].CloseReason));
    }

    [Fact]
    public async Task Without_an_action_the_next_verb_follows_the_stream()
    {
        await using var app = await TestApp.StartAsync();
        app.Answers["/voice"] = _ => TestApp.Twiml($"<Response><Connect><Stream url='{app.MediaUrl}'/></Connect><Say>Goodbye</Say></Response>");
        var call = await app.CallAsync(Waits, record: true);

        await (await app.StreamAsync()).CloseAsync();

        var report = await TestApp.EndAsync(call);
        Assert.Equal("Say Goodbye", report.Twiml[^1]);
        Assert.Equal("twiml_end", report.End!.How);
        Assert.Contains(call.Heard(), code => code != 0xFF);
    }

    [Fact]
    public async Task A_message_that_Twilio_would_refuse_ends_the_stream_and_is_reported()
    {
        await using var app = await TestApp.StartAsync();
        var call = await app.CallAsync(Waits);
        var stream = await app.StreamAsync();
        await stream.StartAsync();

        await stream.SendAsync("""{"event":"shout","streamSid":"x"}""");
        await stream.DrainAsync();

        var report = await TestApp.EndAsync(call);
        Assert.Equal(["Unknown event 'shout'."], report.Violations);
        Assert.Equal(("carrier", 1007), (report.Streams[0].ClosedBy, report.Streams[0].CloseCode));
    }

    [Theory]
    [InlineData("<Response><Dial>+1</Dial></Response>", "12200")]
    [InlineData("oops", "12100")]
    public async Task Refused_TwiML_ends_the_call_with_its_error(string twiml, string code)
    {
        await using var app = await TestApp.StartAsync();
        app.Answers["/voice"] = _ => TestApp.Twiml(twiml);

        var report = await TestApp.EndAsync(await app.CallAsync(Waits));

        Assert.StartsWith(code, Assert.Single(report.Errors), StringComparison.Ordinal);
        Assert.Equal("twiml_refused", report.End!.How);
    }

    [Fact]
    public async Task A_rejected_call_is_never_answered()
    {
        await using var app = await TestApp.StartAsync();
        app.Answers["/voice"] = _ => TestApp.Twiml("<Response><Reject reason='busy'/></Response>");

        var call = await app.CallAsync(Waits);
        var report = await TestApp.EndAsync(call);

        Assert.Equal("busy", report.Status);
        Assert.Null(call.AnsweredOn);
        Assert.Equal("busy", (await app.StatusAsync()).Form["CallStatus"]);
    }

    [Fact]
    public async Task A_failing_webhook_is_retried_as_its_overrides_say_and_then_the_fallback_is_asked()
    {
        await using var app = await TestApp.StartAsync();
        app.Answers["/voice"] = _ => Results.StatusCode(503);
        app.Answers["/fallback"] = _ => TestApp.Twiml("<Response><Hangup/></Response>");

        var report = await TestApp.EndAsync(await app.CallAsync(Waits, voiceUrl: $"{app.Url}/voice#rc=2&rp=5xx", fallbackUrl: $"{app.Url}/fallback"));

        Assert.Equal(["/voice", "/voice", "/voice", "/fallback"], app.Asked.Select(asked => new Uri(asked.Url).AbsolutePath));
        Assert.Single(app.Asked.Take(3).Select(asked => asked.Idempotency).Distinct());
        Assert.Equal("hangup_verb", report.End!.How);
        Assert.StartsWith("11200", Assert.Single(report.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stream_that_cannot_be_opened_is_an_error_and_the_call_goes_on()
    {
        await using var app = await TestApp.StartAsync();
        app.Answers["/voice"] = _ => TestApp.Twiml($"<Response><Connect><Stream url='{app.MediaUrl}/nowhere'/></Connect><Hangup/></Response>");

        var report = await TestApp.EndAsync(await app.CallAsync(Waits));

        Assert.StartsWith("31920", Assert.Single(report.Errors), StringComparison.Ordinal);
        Assert.Equal("hangup_verb", report.End!.How);
    }

    [Fact]
    public async Task Keys_arrive_as_dtmf()
    {
        await using var app = await TestApp.StartAsync();
        var call = await app.CallAsync("- dtmf: \"4#\"\n  after: speech\n- wait: 30s");
        var stream = await app.StreamAsync();
        await stream.StartAsync();
        await stream.SpeakAsync(TestApp.Speech(100));

        var first = await stream.ReadAsync("dtmf");
        await stream.ReadAsync("dtmf");
        Assert.True(call.SendDigits("9"));
        var typed = await stream.ReadAsync("dtmf");

        Assert.Equal("4", first.GetProperty("dtmf").GetProperty("digit").GetString());
        Assert.Equal("inbound_track", first.GetProperty("dtmf").GetProperty("track").GetString());
        Assert.Equal("9", typed.GetProperty("dtmf").GetProperty("digit").GetString());
        Assert.Equal("4#9", call.Report().DigitsSent);
    }

    [Theory]
    [InlineData(FaultKind.Drop, null, "fault", null)]
    [InlineData(FaultKind.Close, "1011", "fault", 1011)]
    [InlineData(FaultKind.Expire, null, "carrier", 1000)]
    public async Task A_fault_ends_the_stream_at_its_frame(FaultKind kind, string? code, string closedBy, int? closeCode)
    {
        await using var app = await TestApp.StartAsync();
        app.Carrier.Faults.Arm(new Fault(kind, new FaultMoment(AfterFrames: 5), code, "armed"));
        var call = await app.CallAsync(Waits);
        var stream = await app.StreamAsync();

        var events = await stream.DrainAsync();

        var report = await TestApp.EndAsync(call);
        Assert.Equal((closedBy, closeCode), (report.Streams[0].ClosedBy, report.Streams[0].CloseCode));
        Assert.InRange(events.Count(name => name == "media"), 4, 6);
        Assert.Equal(kind == FaultKind.Expire, events.Contains("stop"));
        Assert.Equal((WebSocketCloseStatus?)closeCode, stream.CloseStatus);
    }

    [Fact]
    public async Task A_frozen_carrier_says_nothing_and_then_catches_up()
    {
        await using var app = await TestApp.StartAsync();
        app.Carrier.Faults.Arm(new Fault(FaultKind.Freeze, new FaultMoment(On: "start"), DelayMs: 300));
        await app.CallAsync(Waits);
        var stream = await app.StreamAsync();
        await stream.StartAsync();

        var before = TimeProvider.System.GetTimestamp();
        await stream.ReadAsync("media");
        var waited = TimeProvider.System.GetElapsedTime(before);
        for (var i = 0; i < 10; i++)
            await stream.ReadAsync("media");
        var caughtUp = TimeProvider.System.GetElapsedTime(before);

        Assert.InRange(waited.TotalMilliseconds, 200, 2000);
        Assert.True((caughtUp - waited).TotalMilliseconds < 180, "What was held back did not come in one go.");
    }

    [Fact]
    public async Task Garbage_is_no_JSON()
    {
        await using var app = await TestApp.StartAsync();
        app.Carrier.Faults.Arm(new Fault(FaultKind.Garbage, new FaultMoment(On: "start")));
        await app.CallAsync(Waits);
        var stream = await app.StreamAsync();
        await stream.StartAsync();

        await Assert.ThrowsAnyAsync<JsonException>(stream.ReadAsync);
    }

    [Fact]
    public async Task Progress_tells_the_call_as_it_goes()
    {
        await using var app = await TestApp.StartAsync();
        var call = await app.CallAsync("- say: hello\n  after: speech\n- hang_up: true\n  after: 0ms");
        var stream = await app.StreamAsync();
        await stream.StartAsync();
        await stream.SpeakAsync(TestApp.Speech(100));
        await stream.DrainAsync();

        var kinds = new List<string>();
        await foreach (var happened in call.ProgressAsync(TestContext.Current.CancellationToken))
            kinds.Add(happened.Kind);

        Assert.Equal(["ringing", "twiml", "answered", "twiml", "stream_started"], kinds.Take(5));
        Assert.Contains("line_ended", kinds);
        Assert.Equal("ended", kinds[^1]);
    }

    [Fact]
    public async Task Media_streams_run_over_TLS_too()
    {
        var opened = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var secure = await SimulatorHost.StartAsync(new SimulatorHostOptions(Tls: true), app => app.Map("/media", async (HttpContext context) =>
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync();
            opened.TrySetResult(context.Request.Headers["X-Twilio-Signature"].ToString());
            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "", TestContext.Current.CancellationToken);
        }), TestContext.Current.CancellationToken);
        var url = $"wss://127.0.0.1:{secure.BaseUrl.Port}/media";
        await using var app = await TestApp.StartAsync(new TwilioSimulatorOptions { AcceptAnyCertificate = true });
        app.Answers["/voice"] = _ => TestApp.Twiml($"<Response><Connect><Stream url='{url}'/></Connect></Response>");

        var report = await TestApp.EndAsync(await app.CallAsync(Waits));

        Assert.Empty(report.Errors);
        Assert.Equal(TwilioSignature.Sign(app.Carrier.AuthToken, url, []), await opened.Task);
    }
}
