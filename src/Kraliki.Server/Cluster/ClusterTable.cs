using System.Globalization;
using Kraliki.Server.Data;
using Microsoft.EntityFrameworkCore;
using ClusterIdentity = Orleans.Configuration.ClusterOptions;

namespace Kraliki.Server.Cluster;

/// <summary>Who belongs to the cluster, kept in the database that all nodes need anyway (ADR 0019). Safe from any thread.</summary>
/// <remarks>
/// What Orleans asks of each method stands at <see cref="IMembershipTable"/>. Every change first moves the view on from the
/// version that its writer read: of two writers the second finds another version, changes nothing and reads again. That
/// update also locks the view's row until the commit, so what follows in the same transaction is alone.
/// </remarks>
internal sealed class ClusterTable(KralikiDbFactory databases, Microsoft.Extensions.Options.IOptions<ClusterIdentity> identity) : IMembershipTable
{
    private readonly string _cluster = identity.Value.ClusterId;

    public async Task InitializeMembershipTableAsync(bool tryInitTableVersion, CancellationToken cancellationToken)
    {
        await using var db = databases.OpenForSystem();
        if (await db.Set<ClusterViewRow>().AnyAsync(view => view.ClusterId == _cluster, cancellationToken))
        {
            return;
        }

        db.Add(new ClusterViewRow { ClusterId = _cluster, Version = 0 });
        try
        {
            await db.SaveChangesAsync(cancellationToken);
        }
        catch (DbUpdateException)
        {
            // Another node that starts at the same moment made it; anything else comes up again with the first read.
        }
    }

    public async Task<MembershipTableData> ReadAllAsync(CancellationToken cancellationToken)
    {
        // One statement, hence one state of the database.
        await using var db = databases.OpenForSystem();
        var view = await Views(db).Include(v => v.Members).SingleAsync(cancellationToken);
        return new([.. view.Members.Select(Entry)], Version(view.Version));
    }

    public async Task<MembershipTableData> ReadRowAsync(SiloAddress key, CancellationToken cancellationToken)
    {
        var life = key.ToParsableString();
        await using var db = databases.OpenForSystem();
        var view = await Views(db).Include(v => v.Members.Where(member => member.Life == life)).SingleAsync(cancellationToken);
        return new([.. view.Members.Select(Entry)], Version(view.Version));
    }

    public Task<bool> InsertRowAsync(MembershipEntry entry, TableVersion tableVersion, CancellationToken cancellationToken) =>
        ChangeAsync(tableVersion, async (db, version) =>
        {
            var life = entry.SiloAddress.ToParsableString();
            if (await Members(db).AnyAsync(member => member.Life == life, cancellationToken))
            {
                return false;
            }

            db.Add(new ClusterNodeRow
            {
                ClusterId = _cluster,
                Life = life,
                Status = entry.Status,
                ChangedIn = version,
                Name = entry.SiloName ?? "",
                Host = entry.HostName ?? "",
                GatewayPort = entry.ProxyPort,
                Suspicions = Suspicions(entry),
                StartedAt = Utc(entry.StartTime),
                AliveAt = Utc(entry.IAmAliveTime),
            });
            await db.SaveChangesAsync(cancellationToken);
            return true;
        }, cancellationToken);

    public Task<bool> UpdateRowAsync(MembershipEntry entry, string etag, TableVersion tableVersion, CancellationToken cancellationToken) =>
        ChangeAsync(tableVersion, async (db, version) =>
        {
            var life = entry.SiloAddress.ToParsableString();
            var readIn = int.Parse(etag, CultureInfo.InvariantCulture);
            var suspicions = Suspicions(entry);
            return await Members(db).Where(member => member.Life == life && member.ChangedIn == readIn).ExecuteUpdateAsync(
                row => row
                    .SetProperty(member => member.Status, entry.Status)
                    .SetProperty(member => member.ChangedIn, version)
                    .SetProperty(member => member.Suspicions, suspicions)
                    .SetProperty(member => member.StartedAt, Utc(entry.StartTime))
                    .SetProperty(member => member.AliveAt, Utc(entry.IAmAliveTime)),
                cancellationToken) == 1;
        }, cancellationToken);

    public async Task UpdateIAmAliveAsync(MembershipEntry entry, CancellationToken cancellationToken)
    {
        var life = entry.SiloAddress.ToParsableString();
        await using var db = databases.OpenForSystem();
        await Members(db).Where(member => member.Life == life)
            .ExecuteUpdateAsync(row => row.SetProperty(member => member.AliveAt, Utc(entry.IAmAliveTime)), cancellationToken);
    }

    public async Task CleanupDefunctSiloEntriesAsync(DateTimeOffset beforeDate, CancellationToken cancellationToken)
    {
        await using var db = databases.OpenForSystem();
        await Members(db)
            .Where(member => member.Status != SiloStatus.Active && member.AliveAt < beforeDate && member.StartedAt < beforeDate)
            .ExecuteDeleteAsync(cancellationToken);
    }

    public async Task DeleteMembershipTableEntriesAsync(string clusterId, CancellationToken cancellationToken)
    {
        await using var db = databases.OpenForSystem();
        await db.Set<ClusterNodeRow>().Where(member => member.ClusterId == clusterId).ExecuteDeleteAsync(cancellationToken);
        await db.Set<ClusterViewRow>().Where(view => view.ClusterId == clusterId).ExecuteDeleteAsync(cancellationToken);
    }

    Task IMembershipTable.InitializeMembershipTable(bool tryInitTableVersion) => InitializeMembershipTableAsync(tryInitTableVersion, CancellationToken.None);

    Task<MembershipTableData> IMembershipTable.ReadAll() => ReadAllAsync(CancellationToken.None);

    Task<MembershipTableData> IMembershipTable.ReadRow(SiloAddress key) => ReadRowAsync(key, CancellationToken.None);

    Task<bool> IMembershipTable.InsertRow(MembershipEntry entry, TableVersion tableVersion) => InsertRowAsync(entry, tableVersion, CancellationToken.None);

    Task<bool> IMembershipTable.UpdateRow(MembershipEntry entry, string etag, TableVersion tableVersion) =>
        UpdateRowAsync(entry, etag, tableVersion, CancellationToken.None);

    Task IMembershipTable.UpdateIAmAlive(MembershipEntry entry) => UpdateIAmAliveAsync(entry, CancellationToken.None);

    Task IMembershipTable.CleanupDefunctSiloEntries(DateTimeOffset beforeDate) => CleanupDefunctSiloEntriesAsync(beforeDate, CancellationToken.None);

    Task IMembershipTable.DeleteMembershipTableEntries(string clusterId) => DeleteMembershipTableEntriesAsync(clusterId, CancellationToken.None);

    private async Task<bool> ChangeAsync(TableVersion next, Func<KralikiDb, int, Task<bool>> change, CancellationToken cancellationToken)
    {
        var readIn = int.Parse(next.VersionEtag, CultureInfo.InvariantCulture);
        await using var db = databases.OpenForSystem();
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var moved = await Views(db).Where(view => view.Version == readIn)
            .ExecuteUpdateAsync(row => row.SetProperty(view => view.Version, next.Version), cancellationToken) == 1;
        if (!moved || !await change(db, next.Version))
        {
            // Disposing the transaction takes the version back.
            return false;
        }

        await transaction.CommitAsync(cancellationToken);
        return true;
    }

    private IQueryable<ClusterViewRow> Views(KralikiDb db) => db.Set<ClusterViewRow>().AsNoTracking().Where(view => view.ClusterId == _cluster);

    private IQueryable<ClusterNodeRow> Members(KralikiDb db) => db.Set<ClusterNodeRow>().AsNoTracking().Where(member => member.ClusterId == _cluster);

    private static TableVersion Version(int version) => new(version, version.ToString(CultureInfo.InvariantCulture));

    private static Tuple<MembershipEntry, string> Entry(ClusterNodeRow member) => new(
        new()
        {
            SiloAddress = SiloAddress.FromParsableString(member.Life),
            Status = member.Status,
            SiloName = member.Name,
            HostName = member.Host,
            ProxyPort = member.GatewayPort,
            SuspectTimes = [.. member.Suspicions.Select(suspicion => Tuple.Create(SiloAddress.FromParsableString(suspicion.By), suspicion.At.UtcDateTime))],
            StartTime = member.StartedAt.UtcDateTime,
            IAmAliveTime = member.AliveAt.UtcDateTime,
        },
        member.ChangedIn.ToString(CultureInfo.InvariantCulture));

    private static List<Suspicion> Suspicions(MembershipEntry entry) =>
        [.. (entry.SuspectTimes ?? []).Select(vote => new Suspicion(vote.Item1.ToParsableString(), Utc(vote.Item2)))];

    // Orleans means UTC whatever the kind says.
    private static DateTimeOffset Utc(DateTime time) => new(DateTime.SpecifyKind(time, DateTimeKind.Utc));
}
