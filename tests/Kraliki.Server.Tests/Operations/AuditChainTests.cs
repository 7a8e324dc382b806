using System.Security.Cryptography;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Kraliki.Server.Operations;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Kraliki.Server.Tests.Operations;

/// <summary>Somebody with the database in hand, and without the key, rewrites history. Each test has an organisation with a chain of eight entries.</summary>
public sealed class AuditChainTests(AuditChainTests.OpenedServer opened) : IClassFixture<AuditChainTests.OpenedServer>, IAsyncLifetime
{
    private const int Length = 8;

    private readonly Guid _organisation = Guid.CreateVersion7(TimeProvider.System.GetUtcNow());

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var audit = opened.Server.Services.GetRequiredService<AuditLog>();
        for (var i = 1; i <= Length; i++)
        {
            await audit.WriteAsync("tested", $"act {i}", $"The {i}. act.", actor: "test", organisation: _organisation);
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task An_untouched_chain_is_intact()
    {
        var verification = await VerifyAsync();
        Assert.True(verification.Intact);
        Assert.Equal(Length, verification.Entries);
        Assert.Empty(verification.Problems);
    }

    [Theory]
    [InlineData("actor = 'nobody'")]
    [InlineData("action = 'nothing'")]
    [InlineData("subject = 'act 6'")]
    [InlineData("detail = NULL")]
    [InlineData("at = at + 1")]
    [InlineData("address = '10.0.0.1'")]
    [InlineData("request_id = 'other'")]
    [InlineData("seal = zeroblob(32)")]
    public async Task A_changed_entry_is_found_and_named_and_only_it(string change)
    {
        await TamperAsync($"UPDATE audit_entries SET {change} WHERE number = 5 AND {Ours}");
        var expected = change.StartsWith("seal", StringComparison.Ordinal) ? AuditFault.Inserted : AuditFault.Changed;
        Assert.Equal([(5, expected)], await FaultsAsync());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(Length)]
    public async Task A_removed_entry_is_missed_wherever_it_stood(int number)
    {
        await TamperAsync($"DELETE FROM audit_entries WHERE number = {number} AND {Ours}");
        Assert.Equal([(number, AuditFault.Removed)], await FaultsAsync());
    }

    [Fact]
    public async Task Several_removed_entries_are_told_in_one_sentence()
    {
        await TamperAsync($"DELETE FROM audit_entries WHERE number BETWEEN 3 AND 5 AND {Ours}");
        var problem = Assert.Single((await VerifyAsync()).Problems);
        Assert.Equal(new AuditProblem(3, AuditFault.Removed, "Entries 3 to 5 are gone."), problem);
    }

    [Fact]
    public async Task Removed_entries_are_missed_when_the_rest_is_renumbered_and_the_end_is_moved()
    {
        await TamperAsync(
            $"""
            DELETE FROM audit_entries WHERE number = 4 AND {Ours};
            UPDATE audit_entries SET number = number - 1 WHERE number > 4 AND {Ours};
            UPDATE audit_heads SET number = number - 1 WHERE {Ours};
            """);
        Assert.Equal(
            [(4, AuditFault.Reordered), (5, AuditFault.Reordered), (6, AuditFault.Reordered), (7, AuditFault.Reordered), (7, AuditFault.Changed)],
            await FaultsAsync());
    }

    [Fact]
    public async Task A_cut_off_end_is_missed_also_when_the_mark_of_the_end_is_put_on_the_last_entry_left()
    {
        await TamperAsync(
            $"""
            DELETE FROM audit_entries WHERE number > 6 AND {Ours};
            UPDATE audit_heads SET number = 6, link = (SELECT link FROM audit_entries WHERE number = 6 AND {Ours}) WHERE {Ours};
            """);
        Assert.Equal([(6, AuditFault.Changed)], await FaultsAsync());
    }

    [Fact]
    public async Task A_removed_mark_of_the_end_is_missed()
    {
        await TamperAsync($"DELETE FROM audit_heads WHERE {Ours}");
        Assert.Equal([(Length + 1, AuditFault.Removed)], await FaultsAsync());
    }

    [Fact]
    public async Task A_whole_removed_chain_is_missed()
    {
        await TamperAsync($"DELETE FROM audit_entries WHERE {Ours}");
        Assert.Equal([(1, AuditFault.Removed)], await FaultsAsync());
    }

    [Fact]
    public async Task An_entry_put_in_between_is_found_and_named()
    {
        await TamperAsync(
            $"""
            UPDATE audit_entries SET number = -number - 1 WHERE number > 4 AND {Ours};
            UPDATE audit_entries SET number = -number WHERE number < 0 AND {Ours};
            {InsertForged(5)}
            """);
        var faults = await FaultsAsync();
        Assert.Equal((5, AuditFault.Inserted), faults[0]);
        // Pushed back by one: 6 to 8 stand at wrong places, and the ninth beyond the end.
        Assert.Equal([(6, AuditFault.Reordered), (7, AuditFault.Reordered), (8, AuditFault.Reordered), (9, AuditFault.Inserted)], faults[1..]);
    }

    [Fact]
    public async Task An_entry_put_in_for_another_is_found_and_named()
    {
        await TamperAsync($"DELETE FROM audit_entries WHERE number = 5 AND {Ours}; {InsertForged(5)}");
        Assert.Equal([(5, AuditFault.Inserted)], await FaultsAsync());
    }

    [Fact]
    public async Task An_entry_put_behind_the_end_is_found_and_named()
    {
        await TamperAsync(InsertForged(Length + 1));
        Assert.Equal([(Length + 1, AuditFault.Inserted)], await FaultsAsync());
    }

    [Theory]
    [InlineData(3, 6)]
    [InlineData(4, 5)]
    [InlineData(1, 2)]
    [InlineData(1, Length)]
    public async Task Entries_that_changed_places_are_found_and_named_and_only_they(int one, int other)
    {
        await TamperAsync(
            $"""
            UPDATE audit_entries SET number = -1 WHERE number = {one} AND {Ours};
            UPDATE audit_entries SET number = {one} WHERE number = {other} AND {Ours};
            UPDATE audit_entries SET number = {other} WHERE number = -1 AND {Ours};
            """);
        Assert.Equal([(one, AuditFault.Reordered), (other, AuditFault.Reordered)], await FaultsAsync());
    }

    [Fact]
    public async Task A_genuine_entry_of_another_organisation_is_no_entry_here()
    {
        var other = Guid.CreateVersion7(TimeProvider.System.GetUtcNow());
        await opened.Server.Services.GetRequiredService<AuditLog>().WriteAsync("tested", "elsewhere", actor: "test", organisation: other);
        await TamperAsync($"DELETE FROM audit_entries WHERE number = 1 AND {Ours}; UPDATE audit_entries SET organisation_id = '{Text(_organisation)}' WHERE subject = 'elsewhere'");
        Assert.Equal([(1, AuditFault.Inserted)], await FaultsAsync());
    }

    [Fact]
    public async Task Without_the_key_nothing_can_be_vouched_for()
    {
        var stranger = MasterKey.Load(opened.Server.Services.GetRequiredService<KralikiOptions>() with
        {
            MasterKey = new Secret(Convert.ToBase64String(RandomNumberGenerator.GetBytes(MasterKey.Bytes))),
        });
        await using var db = Open();
        var verification = await new AuditChain(stranger).VerifyAsync(db, _organisation, TimeProvider.System.GetUtcNow(), Cancel);
        Assert.False(verification.Intact);
    }

    [Fact]
    public async Task Nodes_that_begin_a_chain_at_once_write_one()
    {
        for (var round = 0; round < 10; round++)
        {
            var organisation = Guid.CreateVersion7(TimeProvider.System.GetUtcNow());
            var nodes = Enumerable.Range(0, 2).Select(_ => ActivatorUtilities.CreateInstance<AuditLog>(opened.Server.Services)).ToList();
            await Task.WhenAll(nodes.Select(node => Task.Run(() => node.WriteAsync("tested", "first", actor: "test", organisation: organisation), Cancel)));
            await using var db = Open();
            var verification = await opened.Server.Services.GetRequiredService<AuditChain>().VerifyAsync(db, organisation, TimeProvider.System.GetUtcNow(), Cancel);
            Assert.True(verification.Intact);
            Assert.Equal(2, verification.Entries);
            nodes.ForEach(node => node.Dispose());
        }
    }

    [Fact]
    public async Task Acts_of_the_moment_do_not_disturb_a_verification_or_each_other()
    {
        var audit = opened.Server.Services.GetRequiredService<AuditLog>();
        var writing = Task.WhenAll(Enumerable.Range(0, 60).Select(i => audit.WriteAsync("tested", $"more {i}", actor: "test", organisation: _organisation)));
        while (!writing.IsCompleted)
        {
            Assert.Empty((await VerifyAsync()).Problems);
        }

        await writing;
        Assert.Equal(Length + 60, (await VerifyAsync()).Entries);
    }

    private static string Text(Guid id) => id.ToString().ToUpperInvariant();

    private string Ours => $"organisation_id = '{Text(_organisation)}'";

    private string InsertForged(int number) =>
        $"""
        INSERT INTO audit_entries (organisation_id, number, at, actor, action, subject, detail, address, request_id, seal, link)
        SELECT organisation_id, {number}, at, actor, action, 'forged', detail, address, request_id, randomblob(32), randomblob(32) FROM audit_entries WHERE number = 2 AND {Ours};
        """;

    private async Task<List<(int Number, AuditFault Fault)>> FaultsAsync() => [.. (await VerifyAsync()).Problems.Select(problem => ((int)problem.Number, problem.Fault))];

    private async Task<AuditVerification> VerifyAsync()
    {
        await using var db = Open();
        return await opened.Server.Services.GetRequiredService<AuditChain>().VerifyAsync(db, _organisation, TimeProvider.System.GetUtcNow(), Cancel);
    }

    private KralikiDb Open() => opened.Server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem();

    private async Task TamperAsync(string sql)
    {
        await using var db = Open();
        await db.Database.OpenConnectionAsync(Cancel);
        await using var command = db.Database.GetDbConnection().CreateCommand();
        command.CommandText = sql;
        Assert.NotEqual(0, await command.ExecuteNonQueryAsync(Cancel));
    }

    /// <summary>A server whose database has lost the triggers that forbid all this.</summary>
    public sealed class OpenedServer : IAsyncLifetime
    {
        public RunningServer Server { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            Server = await RunningServer.StartAsync(CancellationToken.None);
            await using var db = Server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem();
            await db.Database.ExecuteSqlRawAsync(
                TestDatabase.IsPostgreSql
                    ? """
                      DROP TRIGGER audit_entries_append_only ON audit_entries;
                      CREATE FUNCTION zeroblob(n int) RETURNS bytea LANGUAGE sql AS $$ SELECT decode(repeat('00', n), 'hex') $$;
                      CREATE FUNCTION randomblob(n int) RETURNS bytea LANGUAGE sql AS $$ SELECT substr(sha256(random()::text::bytea), 1, n) $$;
                      """
                    : "DROP TRIGGER audit_entries_no_update; DROP TRIGGER audit_entries_no_delete;",
                CancellationToken.None);
        }

        public ValueTask DisposeAsync() => Server.DisposeAsync();
    }
}
