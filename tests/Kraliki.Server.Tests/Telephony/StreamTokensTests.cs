using Kraliki.Server.Cluster;
using Kraliki.Server.Hosting;
using Kraliki.Server.Telephony;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace Kraliki.Server.Tests.Telephony;

public sealed class StreamTokensTests
{
    private static readonly Guid Session = Guid.CreateVersion7();

    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private readonly StreamTokens _tokens;

    public StreamTokensTests(ServerFixture fixture)
    {
        var services = fixture.Server.Services;
        _tokens = new(new OneTimeTokens(services.GetRequiredService<MasterKey>(), services.GetRequiredService<SpentTokens>(), _time), _time);
    }

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_token_is_good_once_and_for_its_call()
    {
        string token = _tokens.Issue(Session, "CA1");

        Assert.Equal(TokenOutcome.Unknown, (await _tokens.RedeemAsync(token, "CA2", Cancelled)).Outcome);
        Assert.Equal(new Redeemed<StreamPass>(TokenOutcome.Good, new StreamPass(Session, "CA1")), await _tokens.RedeemAsync(token, "CA1", Cancelled));
        Assert.Equal(new Redeemed<StreamPass>(TokenOutcome.Used), await _tokens.RedeemAsync(token, "CA1", Cancelled));
    }

    [Fact]
    public async Task A_token_lives_for_a_minute()
    {
        var (inTime, late) = (_tokens.Issue(Session, "CA1"), _tokens.Issue(Session, "CA1"));

        _time.Advance(TimeSpan.FromSeconds(59.9));
        Assert.Equal(TokenOutcome.Good, (await _tokens.RedeemAsync(inTime, "CA1", Cancelled)).Outcome);
        _time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.Equal(TokenOutcome.Expired, (await _tokens.RedeemAsync(late, "CA1", Cancelled)).Outcome);
    }

    [Fact]
    public void A_token_is_short_enough_for_a_parameter_of_a_stream()
    {
        // Call SIDs have 34 characters.
        string token = _tokens.Issue(Guid.CreateVersion7(), "CA" + new string('f', 32));
        Assert.InRange("token".Length + token.Length, 1, 500);
    }
}
