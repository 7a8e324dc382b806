using System.Security.Cryptography;
using System.Text.Json;
using Kraliki.Server.Data;
using Kraliki.Server.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Kraliki.Server.Operations;

/// <summary>One act that matters for security or data. Never changed, never deleted (triggers refuse it).</summary>
public sealed class AuditEntry
{
    /// <summary>Position in the chain, from 1, without gaps.</summary>
    public required long Number { get; init; }

    public required DateTimeOffset At { get; init; }

    /// <summary>Null when the act belongs to nobody: a refused stranger.</summary>
    public required Guid? OrganisationId { get; init; }

    /// <summary>An e-mail address, <c>carrier</c>, <c>server</c> or <c>anonymous</c>.</summary>
    public required string Actor { get; init; }

    /// <summary>snake_case, past tense: <c>login_failed</c>, <c>signature_refused</c>.</summary>
    public required string Action { get; init; }

    public required string Subject { get; init; }

    public required string? Detail { get; init; }

    public required string? Address { get; init; }

    public required string? RequestId { get; init; }

    /// <summary>SHA-256 over the previous entry's hash and every field of this one: a change anywhere breaks all that follows.</summary>
    public byte[] Hash { get; private set; } = [];

    public byte[] HashAfter(byte[] previous) => SHA256.HashData([.. previous, .. JsonSerializer.SerializeToUtf8Bytes(
        (object?[])[Number, At.UtcTicks, OrganisationId, Actor, Action, Subject, Detail, Address, RequestId])]);

    public void Seal(byte[] previous) => Hash = HashAfter(previous);
}

/// <summary>The one place that writes audit entries. Address, request and person are taken from the current request, if there is one.</summary>
public sealed class AuditLog(KralikiDbFactory databases, IHttpContextAccessor http, TimeProvider time) : IDisposable
{
    private const int LongestText = 500;

    // The chain has one end: entries are written one after the other.
    private readonly SemaphoreSlim _gate = new(initialCount: 1);

    /// <param name="action">snake_case, past tense.</param>
    /// <param name="subject">What it was done to: an id or a short name.</param>
    /// <param name="detail">One sentence; no secrets.</param>
    /// <param name="actor">Null means the signed-in user, or <c>anonymous</c>.</param>
    /// <param name="organisation">Null means the signed-in user's, or none.</param>
    /// <param name="address">Null means the current request's, or none.</param>
    public async Task WriteAsync(
        string action,
        string subject,
        string? detail = null,
        string? actor = null,
        Guid? organisation = null,
        string? address = null,
        CancellationToken cancellationToken = default)
    {
        var user = new CurrentUser(http);
        address ??= http.HttpContext?.Connection.RemoteIpAddress?.ToString();
        await _gate.WaitAsync(cancellationToken);
        try
        {
            await using var db = databases.OpenForSystem();
            await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
            var last = await db.Set<AuditEntry>().AsNoTracking().OrderByDescending(entry => entry.Number).FirstOrDefaultAsync(cancellationToken);
            var entry = new AuditEntry
            {
                Number = (last?.Number ?? 0) + 1,
                At = time.GetUtcNow(),
                OrganisationId = organisation ?? (user.SignedIn ? user.OrganisationId : null),
                Actor = actor ?? (user.SignedIn ? user.Email : "anonymous"),
                Action = action,
                Subject = Cut(subject),
                Detail = detail is null ? null : Cut(detail),
                Address = address,
                RequestId = http.HttpContext?.TraceIdentifier,
            };
            entry.Seal(last?.Hash ?? []);
            db.Add(entry);
            await db.SaveChangesAsync(cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Dispose() => _gate.Dispose();

    private static string Cut(string text) => text.Length <= LongestText ? text : text[..LongestText];
}

internal sealed class AuditEntryConfiguration : IEntityTypeConfiguration<AuditEntry>
{
    /// <summary>Run at every start: the database itself refuses to rewrite history.</summary>
    public const string AppendOnly =
        """
        CREATE TRIGGER IF NOT EXISTS audit_entries_no_update BEFORE UPDATE ON audit_entries
        BEGIN SELECT RAISE(ABORT, 'audit entries are append-only'); END;
        CREATE TRIGGER IF NOT EXISTS audit_entries_no_delete BEFORE DELETE ON audit_entries
        BEGIN SELECT RAISE(ABORT, 'audit entries are append-only'); END;
        """;

    public void Configure(EntityTypeBuilder<AuditEntry> builder)
    {
        builder.ToTable("audit_entries");
        builder.HasKey(entry => entry.Number);
        builder.Property(entry => entry.Number).ValueGeneratedNever();
        builder.HasIndex(entry => new { entry.OrganisationId, entry.At });
    }
}
