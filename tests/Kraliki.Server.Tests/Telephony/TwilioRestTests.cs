using System.Text;
using Kraliki.Server.Hosting;
using Kraliki.Server.Telephony;
using Microsoft.Extensions.Logging.Abstractions;

namespace Kraliki.Server.Tests.Telephony;

public sealed class TwilioRestTests : IAsyncLifetime
{
    private FakeRest _twilio = null!;
    private TwilioRest _rest = null!;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private static CarrierCall Call => new()
    {
        CallSid = "CA1",
        AccountSid = TestCarrier.AccountSid,
        SessionId = Guid.NewGuid(),
        OrganisationId = Guid.NewGuid(),
        Status = "in-progress",
        CreatedAt = DateTimeOffset.UnixEpoch,
    };

    public async ValueTask InitializeAsync()
    {
        _twilio = await FakeRest.StartAsync(Cancelled);
        var accounts = new TwilioAccounts(new KralikiOptions(null, "", false, new(new(null, null, null, null)), new(new(null, null, null)), null, null));
        accounts.Add(new(TestCarrier.AccountSid, TestCarrier.AuthToken, _twilio.Url));
        _rest = new TwilioRest(accounts, TimeProvider.System, NullLogger<TwilioRest>.Instance);
    }

    public async ValueTask DisposeAsync()
    {
        _rest.Dispose();
        await _twilio.DisposeAsync();
    }

    [Fact]
    public async Task A_redirect_is_a_signed_in_form_with_the_new_address()
    {
        Assert.Equal(RestOutcome.Done, await _rest.RedirectAsync(Call, "https://example.com/after#rc=5", Cancelled));

        var asked = Assert.Single(_twilio.Asked);
        Assert.Equal($"/2010-04-01/Accounts/{TestCarrier.AccountSid}/Calls/CA1.json", asked.Path);
        Assert.Equal("Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{TestCarrier.AccountSid}:{TestCarrier.AuthToken}")), asked.Authorization);
        Assert.Equal(("https://example.com/after#rc=5", "POST"), (asked.Form!["Url"], asked.Form["Method"]));
    }

    [Theory]
    [InlineData(401, """{"code":20003}""", nameof(RestOutcome.Refused), 1)]
    [InlineData(404, """{"code":20404}""", nameof(RestOutcome.NoLivingCall), 1)]
    [InlineData(400, """{"code":21220}""", nameof(RestOutcome.NoLivingCall), 1)]
    [InlineData(400, """{"code":21205}""", nameof(RestOutcome.Refused), 1)]
    [InlineData(302, "", nameof(RestOutcome.Refused), 1)]
    [InlineData(429, """{"code":20429}""", nameof(RestOutcome.Unavailable), 3)]
    [InlineData(500, "<html>", nameof(RestOutcome.Unavailable), 3)]
    [InlineData(503, "", nameof(RestOutcome.Unavailable), 3)]
    public async Task An_error_is_repeated_when_that_can_help_and_says_what_it_is(int status, string body, string outcome, int tries)
    {
        _twilio.Answer = _ => (status, body);

        Assert.Equal(outcome, (await _rest.RedirectAsync(Call, "https://example.com/after", Cancelled)).ToString());

        Assert.Equal(tries, _twilio.Asked.Count);
    }

    [Fact]
    public async Task What_was_too_many_for_a_moment_is_done_at_the_next_try()
    {
        int asked = 0;
        _twilio.Answer = _ => (++asked == 1 ? 429 : 200, """{"status":"in-progress"}""");

        Assert.Equal((RestOutcome.Done, "in-progress"), await _rest.StatusAsync(Call, Cancelled));

        Assert.Equal(2, asked);
    }

    [Fact]
    public async Task An_answer_that_does_not_come_is_waited_for_two_seconds_and_asked_for_again()
    {
        int asked = 0;
        _twilio.Answer = _ => (++asked == 1 ? 0 : 200, """{"status":"completed"}""");

        Assert.Equal((RestOutcome.Done, "completed"), await _rest.StatusAsync(Call, Cancelled));
    }

    [Fact]
    public async Task An_answer_without_a_status_is_no_answer()
    {
        _twilio.Answer = _ => (200, """["status"]""");

        Assert.Equal((RestOutcome.Unavailable, null), await _rest.StatusAsync(Call, Cancelled));
    }

    [Fact]
    public async Task Nobody_is_asked_about_a_call_of_an_account_that_is_not_ours()
    {
        var strange = new CarrierCall { CallSid = "CA1", AccountSid = "AC2", SessionId = Guid.NewGuid(), OrganisationId = Guid.NewGuid(), Status = "", CreatedAt = DateTimeOffset.UnixEpoch };

        Assert.Equal(RestOutcome.Refused, await _rest.HangUpAsync(strange, Cancelled));
        Assert.Empty(_twilio.Asked);
    }
}
