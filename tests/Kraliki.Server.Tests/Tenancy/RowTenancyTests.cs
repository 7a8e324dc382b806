using System.Reflection;
using Kraliki.Server.Cluster;
using Kraliki.Server.Data;
using Kraliki.Server.Identity;
using Kraliki.Server.Providers;
using Kraliki.Server.Sessions.Journal;
using Kraliki.Server.Telephony;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.Extensions.DependencyInjection;

namespace Kraliki.Server.Tests.Tenancy;

/// <summary>Whose each row is, and that a context of one organisation neither sees nor writes another's.</summary>
public sealed class RowTenancyTests(ServerFixture fixture) : IAsyncLifetime
{
    /// <summary>Rows that do not say whose they are. No request sees them through its context. A new line here is a decision.</summary>
    private static readonly Dictionary<Type, string> WithoutOwner = new()
    {
        [typeof(Breaker)] = "the installation's providers",
        [typeof(BreakerChangeRow)] = "the installation's providers",
        [typeof(ClusterNodeRow)] = "the installation's nodes",
        [typeof(ClusterViewRow)] = "the installation's nodes",
        [typeof(Organisation)] = "it is the owner; seen by its own people only",
        [typeof(SigningKey)] = "the installation's",
        [typeof(LoginFailures)] = "counted alike for accounts that do not exist; found by a keyed hash",
        [typeof(RefreshToken)] = "found by the secret alone, before anybody is signed in",
        [typeof(RevokedToken)] = "asked for by its own random id alone, at every request",
        [typeof(SpentToken)] = "a random id that was used, and until when that matters; the token itself says whose it is",
        [typeof(SessionEventRow)] = "the session's row is asked first; the journal reads and writes by its id",
    };

    private static readonly Guid Ours = Guid.CreateVersion7();
    private static readonly Guid Theirs = Guid.CreateVersion7();

    private RunningServer _server = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync(Cancel);
        await using var system = Open(null);
        system.AddRange(Call("CA-ours", Ours), Call("CA-theirs", Theirs), Call("CA-nobodys", Guid.Empty));
        await system.SaveChangesAsync(Cancel);
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public void Every_row_says_whose_it_is_or_stands_in_the_list_with_a_reason()
    {
        using var db = Open(null);
        var undecided = db.Model.GetEntityTypes().Select(entity => entity.ClrType).Where(type => !type.IsAssignableTo(typeof(IOwned)) && !WithoutOwner.ContainsKey(type));
        Assert.True(!undecided.Any(), $"Make it IOwned, or give the reason in {nameof(WithoutOwner)}: {string.Join(", ", undecided.Select(type => type.Name))}");
        Assert.DoesNotContain(WithoutOwner.Keys, type => db.Model.FindEntityType(type) is null || type.IsAssignableTo(typeof(IOwned)));
        Assert.All(db.Model.GetEntityTypes(), entity => Assert.NotEmpty(entity.GetDeclaredQueryFilters()));
    }

    [Fact]
    public async Task Nobody_sees_any_row_of_any_table_and_an_organisation_none_without_owner()
    {
        var databases = fixture.Server.Services.GetRequiredService<KralikiDbFactory>();
        await using var system = databases.OpenForSystem();
        await using var nobody = databases.OpenFor(Guid.Empty);
        await using var demo = databases.OpenFor(FirstAccounts.OrganisationId);
        var seen = 0;
        foreach (var entity in system.Model.GetEntityTypes())
        {
            Assert.Equal(0, Count(nobody, entity));
            Assert.True(KralikiDb.OwnerOf(entity) is not null || Count(demo, entity) == 0, $"{entity.ClrType.Name} has no owner, and a request sees it.");
            seen += Count(system, entity) > 0 ? 1 : 0;
        }

        Assert.True(seen >= 5, $"Only {seen} tables had rows: this proves nothing.");
        Assert.Equal(FirstAccounts.OrganisationId, (await demo.Set<Organisation>().SingleAsync(Cancel)).Id);
    }

    [Fact]
    public async Task A_context_sees_its_own_organisation_only_whatever_way_it_asks()
    {
        await using var ours = Open(Ours);
        Assert.Equal("CA-ours", (await ours.Set<CarrierCall>().SingleAsync(Cancel)).CallSid);
        await using var nobody = Open(Guid.Empty);
        Assert.Empty(await nobody.Set<CarrierCall>().ToListAsync(Cancel));
        Assert.Null(await ours.Set<CarrierCall>().FindAsync(["CA-theirs"], Cancel));
        Assert.Null(await ours.FindAsync<CarrierCall>(["CA-theirs"], Cancel));
        Assert.Empty(await ours.Set<CarrierCall>().Where(call => call.OrganisationId == Theirs || call.CallSid == "CA-theirs").ToListAsync(Cancel));
        Assert.Equal(1, await ours.Set<CarrierCall>().Select(call => call.CallSid).Union(ours.Set<CarrierCall>().Select(call => call.CallSid)).CountAsync(Cancel));
    }

    [Fact]
    public async Task Updates_and_deletes_without_loading_touch_only_the_own_organisation()
    {
        await using var ours = Open(Ours);
        Assert.Equal(1, await ours.Set<CarrierCall>().ExecuteUpdateAsync(call => call.SetProperty(c => c.Status, "changed"), Cancel));
        Assert.Equal(0, await ours.Set<CarrierCall>().Where(call => call.CallSid == "CA-theirs").ExecuteDeleteAsync(Cancel));
        Assert.Equal(1, await ours.Set<CarrierCall>().ExecuteDeleteAsync(Cancel));
        await using var theirs = Open(Theirs);
        Assert.Equal("ringing", (await theirs.Set<CarrierCall>().SingleAsync(Cancel)).Status);
    }

    [Fact]
    public async Task Another_organisations_row_can_be_neither_added_nor_changed_nor_removed_nor_taken_over()
    {
        await RefusedAsync(Ours, db => db.Add(Call("CA-new", Theirs)));
        await RefusedAsync(Ours, db => db.Update(Call("CA-theirs", Theirs)));
        await RefusedAsync(Ours, db => db.Remove(Call("CA-theirs", Theirs)));
        await RefusedAsync(Ours, db => db.Attach(Call("CA-theirs", Ours)).Property(call => call.OrganisationId).OriginalValue = Theirs);
        await RefusedAsync(Ours, db => db.Attach(Call("CA-ours", Ours)).Property(call => call.OrganisationId).CurrentValue = Theirs);
        await RefusedAsync(Ours, db => db.Add(new Organisation { Id = Theirs, Name = "Taken", CreatedAt = DateTimeOffset.UnixEpoch }));

        await using var own = Open(Ours);
        own.Add(Call("CA-new", Ours));
        Assert.Equal(1, await own.SaveChangesAsync(Cancel));
    }

    [Fact]
    public async Task Nobody_writes_and_no_request_writes_the_installations_rows()
    {
        await RefusedAsync(Guid.Empty, db => db.Add(Call("CA-new", Guid.Empty)));
        await RefusedAsync(Guid.Empty, db => db.Add(Call("CA-new", Ours)));
        await RefusedAsync(Ours, db => db.Add(new SigningKey { Kid = "k", SealedKey = [], SignsFrom = DateTimeOffset.UnixEpoch }));
        await RefusedAsync(Ours, db => db.Update(new SigningKey { Kid = "k", SealedKey = [], SignsFrom = DateTimeOffset.UnixEpoch }));
        await RefusedAsync(Ours, db => db.Remove(new SigningKey { Kid = "k", SealedKey = [], SignsFrom = DateTimeOffset.UnixEpoch }));
    }

    private static CarrierCall Call(string sid, Guid organisation) =>
        new() { CallSid = sid, AccountSid = "AC1", SessionId = Guid.CreateVersion7(), OrganisationId = organisation, Status = "ringing", CreatedAt = DateTimeOffset.UnixEpoch };

    private static int Count(KralikiDb db, IEntityType entity) =>
        (int)typeof(RowTenancyTests).GetMethod(nameof(CountOf), BindingFlags.NonPublic | BindingFlags.Static)!.MakeGenericMethod(entity.ClrType).Invoke(null, [db])!;

    private static int CountOf<T>(KralikiDb db)
        where T : class => db.Set<T>().Count();

    private KralikiDb Open(Guid? organisation) => _server.Services.GetRequiredService<KralikiDbFactory>().OpenFor(organisation);

    private async Task RefusedAsync(Guid organisation, Action<KralikiDb> change)
    {
        await using var db = Open(organisation);
        change(db);
        var refusal = await Assert.ThrowsAsync<InvalidOperationException>(() => db.SaveChangesAsync(Cancel));
        Assert.Contains("not of the signed-in organisation", refusal.Message);
    }
}
