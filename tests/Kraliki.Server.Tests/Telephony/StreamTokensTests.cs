using Kraliki.Server.Telephony;
using Microsoft.Extensions.Time.Testing;

namespace Kraliki.Server.Tests.Telephony;

public sealed class StreamTokensTests
{
    private static readonly Guid Session = Guid.CreateVersion7();

    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void A_token_is_good_once_and_for_its_call()
    {
        var tokens = new StreamTokens(_time);
        string token = tokens.Issue(Session, "CA1");

        Assert.Equal(StreamTokenOutcome.Unknown, tokens.Redeem(token, "CA2", out _));
        Assert.Equal(StreamTokenOutcome.Unknown, tokens.Redeem(token + "0", "CA1", out _));
        Assert.Equal(StreamTokenOutcome.Good, tokens.Redeem(token, "CA1", out var session));
        Assert.Equal(Session, session);
        Assert.Equal(StreamTokenOutcome.Used, tokens.Redeem(token, "CA1", out session));
        Assert.Equal(Guid.Empty, session);
    }

    [Fact]
    public void A_token_lives_for_a_minute()
    {
        var tokens = new StreamTokens(_time);
        string inTime = tokens.Issue(Session, "CA1");
        _time.Advance(TimeSpan.FromSeconds(60));
        Assert.Equal(StreamTokenOutcome.Good, tokens.Redeem(inTime, "CA1", out _));

        string late = tokens.Issue(Session, "CA1");
        _time.Advance(TimeSpan.FromSeconds(60.001));
        Assert.Equal(StreamTokenOutcome.Expired, tokens.Redeem(late, "CA1", out _));
        tokens.Issue(Session, "CA1");
        Assert.Equal(StreamTokenOutcome.Unknown, tokens.Redeem(late, "CA1", out _));
    }

    [Fact]
    public async Task Of_many_sockets_with_one_token_one_gets_in()
    {
        var tokens = new StreamTokens(_time);
        string token = tokens.Issue(Session, "CA1");

        var outcomes = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(() => tokens.Redeem(token, "CA1", out var _session), TestContext.Current.CancellationToken)));

        Assert.Single(outcomes, StreamTokenOutcome.Good);
    }
}
