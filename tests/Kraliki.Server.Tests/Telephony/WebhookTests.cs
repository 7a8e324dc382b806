using System.Net;
using System.Text;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Sessions.Journal;
using Kraliki.Server.Telephony;
using Kraliki.Voice.Calls;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Tests.Telephony;

public sealed class WebhookTests(SharedTelephonyServer shared)
{
    private readonly TelephonyServer _server = shared.Server;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_ringing_call_gets_a_session_a_stream_and_a_way_on()
    {
        using var carrier = _server.Carrier();

        var answer = await carrier.RingAsync(Cancelled);

        Assert.Equal(["Connect"], answer.Verbs);
        Assert.Equal($"ws://{_server.Sessions.Url.Authority}/telephony/twilio/media", answer.StreamUrl.AbsoluteUri);
        Assert.Equal($"{_server.Sessions.Url}telephony/twilio/after-stream#rc=5&rp=ct,rt,5xx&ct=1000", answer.Response.Element("Connect")!.Attribute("action")!.Value);
        Assert.True(answer.Token.Length >= 40);
        var session = await _server.Sessions.RowAsync(await _server.SessionOfAsync(carrier, Cancelled), Cancelled);
        Assert.Equal((SessionState.Created, "openai", "twilio", "+420226259221"), (session.State, session.Provider, session.TelephonyProvider, session.PhoneNumber));
    }

    [Fact]
    public async Task A_webhook_that_comes_again_finds_its_session_and_gets_a_fresh_token()
    {
        using var carrier = _server.Carrier();
        var first = await carrier.RingAsync(Cancelled);
        var session = await _server.SessionOfAsync(carrier, Cancelled);

        var second = await carrier.RingAsync(Cancelled);

        Assert.Equal(session, await _server.SessionOfAsync(carrier, Cancelled));
        Assert.NotEqual(first.Token, second.Token);
        await using var stream = await carrier.StreamAsync(second, Cancelled);
        await stream.ReceiveAsync("media", Cancelled);
    }

    [Fact]
    public async Task Equal_webhooks_at_the_same_moment_make_one_session()
    {
        using var carrier = _server.Carrier();

        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => carrier.RingAsync(Cancelled)));

        Assert.All(answers, answer => Assert.Equal(["Connect"], answer.Verbs));
        Assert.Equal(8, answers.Select(answer => answer.Token).Distinct().Count());
        var session = await _server.SessionOfAsync(carrier, Cancelled);
        await using var db = _server.Sessions.Get<KralikiDbFactory>().OpenForSystem();
        Assert.Equal(1, await db.Set<CarrierCall>().CountAsync(call => call.CallSid == carrier.CallSid, Cancelled));
        Assert.Equal(SessionState.Created, (await _server.Sessions.RowAsync(session, Cancelled)).State);
        var others = await db.Set<SessionRow>().Where(row => row.Id != session && row.PhoneNumber == "+420226259221" && row.State == SessionState.Created).Select(row => row.Id).ToListAsync(Cancelled);
        Assert.All(others, other => Assert.True(db.Set<CarrierCall>().Any(call => call.SessionId == other), "A session was made that no call belongs to."));
    }

    [Fact]
    public async Task A_webhook_can_name_the_session_that_its_call_belongs_to()
    {
        using var carrier = _server.Carrier();
        var session = await _server.Sessions.CreateAsync(Cancelled, provider: "openai");

        await using var stream = await carrier.TalkAsync(Cancelled, session.Id);

        await _server.UntilAsync(session.Id, SessionState.Active, Cancelled);
    }

    [Fact]
    public async Task A_call_for_an_unknown_or_ended_session_is_rejected()
    {
        using var unknown = _server.Carrier();
        Assert.Equal(["Reject"], (await unknown.RingAsync(Cancelled, Guid.CreateVersion7())).Verbs);

        using var late = _server.Carrier();
        var session = await _server.Sessions.CreateAsync(Cancelled);
        await _server.Sessions.Commands.EndAsync(session.Id, "operator@test.example", null, null, Cancelled);
        Assert.Equal(["Reject"], (await late.RingAsync(Cancelled, session.Id)).Verbs);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_webhook_with_a_wrong_or_missing_signature_is_refused_and_audited(bool missing)
    {
        using var carrier = _server.Carrier();

        using var answer = await carrier.PostAsync("telephony/twilio/voice", Cancelled, sign: (_, _) => missing ? null : Convert.ToBase64String(new byte[20]));

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        var entry = await _server.AuditOfAsync(carrier.RequestId, Cancelled);
        Assert.Equal(("webhook_refused", "carrier", "Refused a Twilio webhook with a wrong or missing signature."), (entry.Action, entry.Actor, entry.Detail));
        await Assert.ThrowsAsync<InvalidOperationException>(() => _server.SessionOfAsync(carrier, Cancelled));
    }

    [Fact]
    public async Task A_signature_over_another_url_or_other_fields_is_refused()
    {
        using var carrier = _server.Carrier();
        using var genuine = await carrier.PostAsync("telephony/twilio/status", Cancelled);
        Assert.Equal(HttpStatusCode.NoContent, genuine.StatusCode);

        string? signature = null;
        using var first = await carrier.PostAsync("telephony/twilio/status", Cancelled, sign: (url, fields) => signature = TwilioSigns(url, fields));
        Assert.Equal(HttpStatusCode.NoContent, first.StatusCode);
        using var elsewhere = await carrier.PostAsync("telephony/twilio/voice", Cancelled, sign: (_, _) => signature);
        using var changed = await carrier.PostAsync("telephony/twilio/status", Cancelled, new Dictionary<string, string> { ["CallStatus"] = "completed" }, (_, _) => signature);

        Assert.Equal([HttpStatusCode.Forbidden, HttpStatusCode.Forbidden], [elsewhere.StatusCode, changed.StatusCode]);

        static string TwilioSigns(string url, IReadOnlyDictionary<string, string> fields) => Kraliki.Simulators.Twilio.TwilioSignature.Sign(TestCarrier.AuthToken, url, [.. fields]);
    }

    [Fact]
    public async Task A_webhook_of_an_account_that_is_not_ours_is_refused_and_audited()
    {
        using var carrier = _server.Carrier();

        using var answer = await carrier.PostAsync("telephony/twilio/voice", Cancelled, new Dictionary<string, string> { ["AccountSid"] = "AC" + new string('0', 32) });

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Equal("Refused a Twilio webhook with an account that is not ours.", (await _server.AuditOfAsync(carrier.RequestId, Cancelled)).Detail);
    }

    [Fact]
    public async Task What_is_not_a_form_of_the_right_kind_is_refused_and_audited()
    {
        using var carrier = _server.Carrier();

        using var json = new StringContent("{}", Encoding.UTF8, "application/json");
        using var notAForm = await carrier.PostAsync("telephony/twilio/voice", json, "x", Cancelled);
        Assert.Equal(HttpStatusCode.BadRequest, notAForm.StatusCode);
        Assert.Equal(("webhook_malformed", "Refused a Twilio webhook with not a form."), await EntryAsync());

        using var broken = new StringContent("x", Encoding.UTF8);
        broken.Headers.ContentType = new("multipart/form-data");
        using var unreadable = await carrier.PostAsync("telephony/twilio/voice", broken, "x", Cancelled);
        Assert.Equal(HttpStatusCode.BadRequest, unreadable.StatusCode);
        Assert.Equal(("webhook_malformed", "Refused a Twilio webhook with an unreadable form."), await EntryAsync());

        using var nameless = await carrier.PostAsync("telephony/twilio/voice", Cancelled, new Dictionary<string, string> { ["CallSid"] = "" });
        Assert.Equal(HttpStatusCode.BadRequest, nameless.StatusCode);
        Assert.Equal(("webhook_malformed", "Refused a Twilio webhook with no CallSid, or too many fields."), await EntryAsync());

        async Task<(string, string?)> EntryAsync() => await _server.AuditOfAsync(carrier.RequestId, Cancelled) is var entry ? (entry.Action, entry.Detail) : default;
    }

    [Theory]
    [InlineData("completed", EndReason.CallerHungUp)]
    [InlineData("no-answer", EndReason.ConnectCarrierRefused)]
    public async Task A_call_that_the_carrier_ends_before_any_media_ends_its_session(string status, EndReason reason)
    {
        using var carrier = _server.Carrier();
        var answer = await carrier.RingAsync(Cancelled);

        await carrier.StatusAsync(status, Cancelled);

        var row = await _server.Sessions.RowAsync(await _server.SessionOfAsync(carrier, Cancelled), Cancelled);
        Assert.Equal((SessionState.Failed, reason, $"Twilio reports the call as {status}."), (row.State, row.EndReason!.Value, row.EndDetail));
        await using var late = await carrier.StreamAsync(answer, Cancelled);
        Assert.Equal(1008, (await late.ClosedAsync(Cancelled)).Code);
    }

    [Fact]
    public async Task A_final_status_ends_a_running_call_and_nothing_that_comes_later_changes_it()
    {
        using var carrier = _server.Carrier();
        var (stream, session) = await _server.TalkAsync(carrier, Cancelled);
        await using var _ = stream;

        await carrier.StatusAsync("completed", Cancelled);

        await stream.ClosedAsync(Cancelled);
        var row = await _server.UntilAsync(session, SessionState.Completed, Cancelled);
        Assert.Equal(EndReason.CallerHungUp, row.EndReason);

        await carrier.StatusAsync("in-progress", Cancelled);
        Assert.Equal("completed", (await CarrierCall.FindAsync(_server.Sessions.Get<KralikiDbFactory>(), carrier.CallSid, Cancelled))!.Status);
        Assert.Equal(["Reject"], (await carrier.RingAsync(Cancelled)).Verbs);
    }

    [Fact]
    public async Task A_status_of_a_call_that_nobody_knows_is_taken_and_forgotten()
    {
        using var carrier = _server.Carrier();

        await carrier.StatusAsync("completed", Cancelled);

        Assert.Null(await CarrierCall.FindAsync(_server.Sessions.Get<KralikiDbFactory>(), carrier.CallSid, Cancelled));
    }

    [Fact]
    public async Task After_the_stream_a_lost_session_apologises_a_finished_one_hangs_up_and_an_open_one_goes_on()
    {
        using var stranger = _server.Carrier();
        Assert.Equal(["Hangup"], (await stranger.AfterStreamAsync(Cancelled)).Verbs);

        using var carrier = _server.Carrier();
        await carrier.RingAsync(Cancelled);
        Assert.Equal(["Connect"], (await carrier.AfterStreamAsync(Cancelled)).Verbs);
        await _server.Sessions.Commands.EndAsync(await _server.SessionOfAsync(carrier, Cancelled), "operator@test.example", null, null, Cancelled);
        var lost = await carrier.AfterStreamAsync(Cancelled);
        Assert.Equal(["Say", "Hangup"], lost.Verbs);
        Assert.Contains("sorry", lost.Said, StringComparison.Ordinal);

        using var polite = _server.Carrier();
        var (stream, session) = await _server.TalkAsync(polite, Cancelled);
        await using var _ = stream;
        _server.Sessions.Calls.Find(session)!.Post(new EndCall(EndReason.AssistantEnded, "The assistant said goodbye and ended the call."));
        Assert.Equal(1000, (await stream.ClosedAsync(Cancelled)).Code);
        Assert.Equal(["Hangup"], (await polite.AfterStreamAsync(Cancelled)).Verbs);
    }
}
