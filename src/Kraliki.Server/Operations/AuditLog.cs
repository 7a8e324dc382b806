using System.Data.Common;
using Kraliki.Server.Data;
using Kraliki.Server.Identity;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Kraliki.Server.Operations;

/// <summary>The one place that writes audit entries. Address, request and person are taken from the current request, if there is one.</summary>
/// <remarks>Writing cannot be cancelled: whoever did the act must not keep its entry away by leaving.</remarks>
public sealed class AuditLog(KralikiDbFactory databases, AuditChain chain, IHttpContextAccessor http, TimeProvider time) : IDisposable
{
    public const int LongestText = 500;

    // Writers of one node wait here, where they sleep, and not in the database, where SQLite would poll.
    private readonly SemaphoreSlim _gate = new(initialCount: 1);

    /// <param name="action">snake_case, past tense.</param>
    /// <param name="subject">What it was done to: an id or a short name.</param>
    /// <param name="detail">One sentence; no secrets.</param>
    /// <param name="actor">Null means the signed-in user, or <c>anonymous</c>.</param>
    /// <param name="organisation">Null means the signed-in user's, or else the one that the installation itself belongs to.</param>
    /// <param name="address">Null means the current request's, or none.</param>
    public async Task WriteAsync(
        string action,
        string subject,
        string? detail = null,
        string? actor = null,
        Guid? organisation = null,
        string? address = null)
    {
        var user = new CurrentUser(http);
        var owner = organisation ?? (user.SignedIn ? user.OrganisationId : FirstAccounts.OrganisationId);
        actor ??= user.SignedIn ? user.Email : "anonymous";
        address ??= http.HttpContext?.Connection.RemoteIpAddress?.ToString();

        await _gate.WaitAsync();
        try
        {
            await AppendAsync(action, subject, detail, actor, owner, address);
        }
        catch (DbUpdateException e) when (e.InnerException is DbException { SqlState: PostgresErrorCodes.UniqueViolation })
        {
            // Another node began the organisation's chain at the same moment: now there is a head to queue at.
            await AppendAsync(action, subject, detail, actor, owner, address);
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Dispose() => _gate.Dispose();

    private async Task AppendAsync(string action, string subject, string? detail, string actor, Guid owner, string? address)
    {
        await using var db = databases.OpenForSystem();
        await using var transaction = await db.Database.BeginTransactionAsync();

        // The update locks the head: writers of other nodes wait until this transaction has ended.
        var known = await db.Set<AuditHead>()
            .Where(row => row.OrganisationId == owner)
            .ExecuteUpdateAsync(row => row.SetProperty(head => head.Number, head => head.Number + 1)) == 1;
        var head = known
            ? await db.Set<AuditHead>().SingleAsync(row => row.OrganisationId == owner)
            : db.Add(new AuditHead { OrganisationId = owner, Number = 1, Link = AuditChain.Beginning(owner), Mac = [] }).Entity;
        var entry = new AuditEntry
        {
            OrganisationId = owner,
            Number = head.Number,
            At = time.GetUtcNow(),
            Actor = Cut(actor),
            Action = action,
            Subject = Cut(subject),
            Detail = detail is null ? null : Cut(detail),
            Address = address,
            RequestId = http.HttpContext?.TraceIdentifier,
        };
        chain.Append(entry, head);
        db.Add(entry);
        await db.SaveChangesAsync();
        await transaction.CommitAsync();
    }

    /// <summary>As the database keeps it: the chain is computed over what will be read again.</summary>
    private static string Cut(string text)
    {
        var storable = PostgreSqlCommands.Storable(text);

        // Never through a pair: half of one is stored as another character.
        return storable.Length <= LongestText ? storable : storable[..(char.IsHighSurrogate(storable[LongestText - 1]) ? LongestText - 1 : LongestText)];
    }
}
