using System.Net;
using Kraliki.Server.Data;
using Kraliki.Server.Operations;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Kraliki.Server.Tests.Operations;

public sealed class RefusalsTests(ServerFixture fixture)
{
    private readonly RunningServer _server = fixture.Server;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_flood_is_written_singly_at_first_and_then_as_a_count()
    {
        var refusals = NewRefusals();
        var flood = IPAddress.Parse("198.51.100.7");
        for (var i = 0; i < Refusals.Singly + 5; i++)
        {
            await refusals.NoteAsync("test_flooded", $"call {i}", "Refused.", "carrier", flood);
        }

        await refusals.NoteAsync("test_flooded", "another", "Refused.", "carrier", IPAddress.Parse("198.51.100.8"));
        Assert.Equal(Refusals.Singly + 1, (await EntriesAsync("test_flooded")).Count);

        await refusals.WriteCountsAsync();
        await refusals.WriteCountsAsync();

        var last = (await EntriesAsync("test_flooded"))[^1];
        Assert.Equal(("5 more within a minute.", "198.51.100.7"), (last.Detail, last.Address));
        Assert.Equal(Refusals.Singly + 2, (await EntriesAsync("test_flooded")).Count);
    }

    [Fact]
    public async Task A_strangers_words_are_cut_and_hold_nothing_that_cannot_be_shown()
    {
        var refusals = NewRefusals();

        await refusals.NoteAsync("test_named", "a\r\nb\u001b" + new string('c', 61) + "\U0001F600", "Refused.", "carrier", null);

        Assert.Equal("ab" + new string('c', 61), Assert.Single(await EntriesAsync("test_named")).Subject);
    }

    /// <summary>Whose minute ends when the test says so.</summary>
    private Refusals NewRefusals() => ActivatorUtilities.CreateInstance<Refusals>(_server.Services);

    private async Task<List<AuditEntry>> EntriesAsync(string action)
    {
        await using var db = _server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem();
        return await db.Set<AuditEntry>().AsNoTracking().Where(entry => entry.Action == action).OrderBy(entry => entry.Number).ToListAsync(Cancel);
    }
}
