using Kraliki.Server.Cluster;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Kraliki.Server.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace Kraliki.Server.Tests.Cluster;

public sealed class OneTimeTokensTests(ServerFixture fixture) : IAsyncDisposable
{
    private static readonly TimeSpan Life = TimeSpan.FromSeconds(30);

    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private readonly List<SpentTokens> _writers = [];

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        foreach (var writer in _writers)
        {
            await writer.StopAsync(CancellationToken.None);
            writer.Dispose();
        }
    }

    [Fact]
    public async Task A_token_is_good_once_on_whichever_node_it_is_shown()
    {
        var (here, there) = (Node(), Node());
        var token = Issue(here, "ours");

        Assert.Equal((TokenOutcome.Good, "ours"), await RedeemAsync(there, token));
        Assert.Equal((TokenOutcome.Used, null), await RedeemAsync(here, token));
        Assert.Equal((TokenOutcome.Used, null), await RedeemAsync(there, token));
    }

    [Fact]
    public async Task A_token_expires_and_nobody_can_give_it_more_time()
    {
        var node = Node();
        var (early, late) = (Issue(node, "early"), Issue(node, "late"));

        _time.Advance(Life - TimeSpan.FromMilliseconds(1));
        Assert.Equal((TokenOutcome.Good, "early"), await RedeemAsync(node, early));
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal((TokenOutcome.Expired, null), await RedeemAsync(node, late));
    }

    [Fact]
    public async Task A_token_that_was_changed_anywhere_is_unknown()
    {
        var node = Node();
        var token = Issue(node, "ours");

        for (var at = 0; at < token.Length; at++)
        {
            // A bit of the sixth that each character stands for; the last character's lowest may mean nothing.
            var changed = $"{token[..at]}{(token[at] is 'A' ? 'Q' : 'A')}{token[(at + 1)..]}";
            Assert.Equal((TokenOutcome.Unknown, null), await RedeemAsync(node, changed));
        }

        foreach (var other in new[] { "", "?", "AAAA", token[..^4], token + "AAAA", new string('A', 100_000) })
        {
            Assert.Equal((TokenOutcome.Unknown, null), await RedeemAsync(node, other));
        }

        Assert.Equal((TokenOutcome.Good, "ours"), await RedeemAsync(node, token));
    }

    [Fact]
    public async Task A_token_is_unknown_for_another_purpose_and_to_another_installation_and_stays_good_for_its_own()
    {
        var node = Node();
        var token = Issue(node, "ours");
        var strangers = new OneTimeTokens(MasterKey.Load(Options with { MasterKey = new Secret(Convert.ToBase64String(new byte[MasterKey.Bytes])) }), Spent(Databases), _time);

        Assert.Equal(TokenOutcome.Unknown, (await node.RedeemAsync<Note>("other", token, _ => true, Cancelled)).Outcome);
        Assert.Equal(TokenOutcome.Unknown, (await node.RedeemAsync<Note>("test", token, note => note.Text == "theirs", Cancelled)).Outcome);
        Assert.Equal((TokenOutcome.Unknown, null), await RedeemAsync(strangers, token));
        Assert.Equal((TokenOutcome.Good, "ours"), await RedeemAsync(node, token));
    }

    [Fact]
    public async Task Of_many_uses_on_two_nodes_at_once_one_is_good()
    {
        OneTimeTokens[] nodes = [Node(), Node()];
        for (var round = 0; round < 20; round++)
        {
            var token = Issue(nodes[0], "ours");
            var outcomes = await Task.WhenAll(Enumerable.Range(0, 16).Select(i => Task.Run(() => RedeemAsync(nodes[i % 2], token), Cancelled)));

            Assert.Single(outcomes, (TokenOutcome.Good, "ours"));
            Assert.Equal(15, outcomes.Count(outcome => outcome.Outcome == TokenOutcome.Used));
        }
    }

    [Fact]
    public async Task Of_a_thousand_tokens_that_come_at_once_each_is_good()
    {
        OneTimeTokens[] nodes = [Node(), Node()];
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 1_000).Select(i => RedeemAsync(nodes[i % 2], Issue(nodes[0], "ours"))));

        Assert.All(outcomes, outcome => Assert.Equal((TokenOutcome.Good, "ours"), outcome));
    }

    [Fact]
    public async Task While_the_database_is_away_a_token_is_neither_good_nor_bad()
    {
        var nowhere = new KralikiDbFactory(
            new DbContextOptionsBuilder<KralikiDb>().UseSqlite("Data Source=/nowhere/kraliki.db").Options,
            Options with { Database = new(DatabaseProvider.Sqlite, ConnectionString: null) });
        var away = new OneTimeTokens(Master, Spent(nowhere), _time);
        var token = Issue(away, "ours");

        Assert.True(DatabaseTrouble.Is((await Record.ExceptionAsync(() => RedeemAsync(away, token)))!));
        Assert.Equal((TokenOutcome.Good, "ours"), await RedeemAsync(Node(), token));
    }

    [Fact]
    public async Task What_was_used_is_forgotten_once_its_token_has_expired()
    {
        await using var server = await RunningServer.StartAsync(Cancelled);
        var databases = server.Services.GetRequiredService<KralikiDbFactory>();
        var spent = server.Services.GetRequiredService<SpentTokens>();
        var now = TimeProvider.System.GetUtcNow();
        await spent.SpendAsync(Guid.NewGuid(), now - TimeSpan.FromHours(1), Cancelled);
        var fresh = Guid.NewGuid();
        await spent.SpendAsync(fresh, now + Life, Cancelled);

        await ActivatorUtilities.CreateInstance<IdentityUpkeep>(server.Services).PurgeAsync(Cancelled);

        await using var db = databases.OpenForSystem();
        Assert.Equal([fresh], await db.Set<SpentToken>().Select(row => row.Id).ToListAsync(Cancelled));
    }

    private MasterKey Master => fixture.Server.Services.GetRequiredService<MasterKey>();

    private KralikiOptions Options => fixture.Server.Services.GetRequiredService<KralikiOptions>();

    private KralikiDbFactory Databases => fixture.Server.Services.GetRequiredService<KralikiDbFactory>();

    private SpentTokens Spent(KralikiDbFactory databases)
    {
        var spent = ActivatorUtilities.CreateInstance<SpentTokens>(fixture.Server.Services, databases);
        _writers.Add(spent);
        _ = spent.StartAsync(Cancelled);
        return spent;
    }

    private OneTimeTokens Node() => new(Master, Spent(Databases), _time);

    private string Issue(OneTimeTokens node, string text) => node.Issue("test", new Note(text), _time.GetUtcNow() + Life);

    private static async Task<(TokenOutcome Outcome, string? Text)> RedeemAsync(OneTimeTokens node, string token)
    {
        var redeemed = await node.RedeemAsync<Note>("test", token, _ => true, Cancelled);
        return (redeemed.Outcome, redeemed.Content?.Text);
    }

    private sealed record Note(string Text);
}
