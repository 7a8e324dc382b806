using Kraliki.Contracts;
using Kraliki.Server.Sessions.Journal;

namespace Kraliki.Server.Tests.Sessions;

public sealed class JournalWriterTests(SharedSessionServer shared)
{
    private readonly SessionServer _server = shared.Server;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private JournalWriter Writer => _server.Get<JournalWriter>();

    [Fact]
    public async Task Writes_that_wait_together_share_commits()
    {
        var sessions = Enumerable.Range(0, 200).Select(_ => NewSession()).ToList();
        var before = Writer.Commits;

        await Task.WhenAll(sessions.Select(Writer.AppendAsync));

        Assert.InRange(Writer.Commits - before, 1, 20);
        foreach (var write in sessions)
        {
            var row = await _server.RowAsync(write.After.Id, Cancelled);
            Assert.Equal(write.After.Metadata, row.Metadata);
            Assert.Equal(write.After, row with { Metadata = write.After.Metadata, Usage = write.After.Usage });
        }
    }

    [Fact]
    public async Task A_writer_that_knows_an_older_row_is_refused_and_leaves_nothing_behind()
    {
        var created = NewSession();
        Assert.True(await Writer.AppendAsync(created));
        var winner = Next(created.After, new DtmfReceived("1", 5));
        var zombie = Next(created.After, new DtmfReceived("2", 6));

        Assert.True(await Writer.AppendAsync(winner));
        Assert.False(await Writer.AppendAsync(zombie));

        var events = await _server.Journal.EventsAsync(created.After.Id, 0, 10, Cancelled);
        Assert.Equal(["SessionCreated", "1"], events.Select(e => e.Data is DtmfReceived dtmf ? dtmf.Digit : e.Data.GetType().Name));
    }

    [Fact]
    public async Task A_writer_of_an_older_epoch_is_refused_even_when_no_event_came_between()
    {
        var created = NewSession();
        await Writer.AppendAsync(created);
        var takenOver = created.After with { Epoch = 1 };
        Assert.True(await Writer.AppendAsync(new JournalWrite(created.After, takenOver, [])));

        Assert.False(await Writer.AppendAsync(Next(created.After, new DtmfReceived("2", 6))));
        Assert.False(await Writer.AppendAsync(new JournalWrite(created.After, created.After with { Epoch = 1 }, [])));
        Assert.True(await Writer.AppendAsync(Next(takenOver, new DtmfReceived("3", 6))));
    }

    [Fact]
    public async Task A_bad_write_does_not_keep_the_others_of_its_batch_out()
    {
        var good = Enumerable.Range(0, 20).Select(_ => NewSession()).ToList();
        var taken = NewSession();
        await Writer.AppendAsync(taken);

        // The same session created twice breaks the primary key, and with it the transaction it is in.
        var all = good.Select(Writer.AppendAsync).ToList();
        var bad = Writer.AppendAsync(taken);
        all.AddRange(Enumerable.Range(0, 20).Select(_ => Writer.AppendAsync(NewSession())));

        await Assert.ThrowsAsync<JournalUnavailableException>(() => bad);
        Assert.All(await Task.WhenAll(all), Assert.True);
    }

    [Fact]
    public async Task Every_kind_of_fact_comes_back_from_the_journal_as_it_went_in()
    {
        var write = NewSession();
        foreach (var fact in Facts.OneOfEach)
        {
            var happened = new SessionEvent(write.After.LastSeq + 1, write.After.CreatedAt, fact);
            write = new JournalWrite(null, write.After.Apply(happened), [.. write.Events, happened]);
        }

        await Writer.AppendAsync(write);
        var events = await _server.Journal.EventsAsync(write.After.Id, 0, 100, Cancelled);

        Assert.Equal(write.Events.Select(e => JournalJson.Write(e.Data)), events.Select(e => JournalJson.Write(e.Data)));
        Assert.Equal(write.Events.Select(e => (e.Seq, e.At)), events.Select(e => (e.Seq, e.At)));
    }

    private JournalWrite NewSession()
    {
        var at = new DateTimeOffset(2026, 11, 22, 12, 0, 0, 125, TimeSpan.Zero);
        var facts = new SessionCreated("local", VoiceStrategy.Segmented, "twilio", "+420226259221", new Dictionary<string, string> { ["a"] = "b" });
        var born = new SessionEvent(1, at, facts);
        return new JournalWrite(null, SessionRow.Born(Guid.CreateVersion7(), _server.Organisation, facts, at).Apply(born), [born]);
    }

    private static JournalWrite Next(SessionRow before, SessionFact fact)
    {
        var happened = new SessionEvent(before.LastSeq + 1, before.CreatedAt, fact);
        return new JournalWrite(before, before.Apply(happened), [happened]);
    }
}
