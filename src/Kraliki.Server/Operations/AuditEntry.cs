using Kraliki.Contracts;
using Kraliki.Server.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Kraliki.Server.Operations;

/// <summary>One act that matters for security or data. Never changed, never deleted (triggers refuse it).</summary>
public sealed class AuditEntry : IOwned
{
    public required Guid OrganisationId { get; init; }

    /// <summary>Position in the organisation's chain, from 1, without gaps.</summary>
    public required long Number { get; init; }

    public required DateTimeOffset At { get; init; }

    /// <summary>An e-mail address, <c>carrier</c>, <c>server</c> or <c>anonymous</c>.</summary>
    public required string Actor { get; init; }

    /// <summary>snake_case, past tense: <c>login_failed</c>, <c>signature_refused</c>.</summary>
    public required string Action { get; init; }

    public required string Subject { get; init; }

    public required string? Detail { get; init; }

    public required string? Address { get; init; }

    public required string? RequestId { get; init; }

    /// <summary>Of what happened, wherever the entry stands. See <see cref="AuditChain"/>.</summary>
    public byte[] Seal { get; set; } = [];

    /// <summary>Of the place: this number, this seal, after that entry.</summary>
    public byte[] Link { get; set; } = [];

    public AuditEntryView ToView() => new(Number, At, Actor, Action, Subject, Detail, Address, RequestId);
}

/// <summary>Where an organisation's chain ends, so that entries cut off its end are missed too. Also what writers of all nodes queue at.</summary>
public sealed class AuditHead : IOwned
{
    public required Guid OrganisationId { get; init; }

    public required long Number { get; set; }

    public required byte[] Link { get; set; }

    /// <summary>Over number and link: an entry's own link, which anybody can read, does not make a head.</summary>
    public required byte[] Mac { get; set; }
}

internal sealed class AuditEntryConfiguration : IEntityTypeConfiguration<AuditEntry>, IEntityTypeConfiguration<AuditHead>
{
    /// <summary>Run at every start: the database itself refuses to rewrite history.</summary>
    public const string AppendOnlyOnSqlite =
        """
        CREATE TRIGGER IF NOT EXISTS audit_entries_no_update BEFORE UPDATE ON audit_entries
        BEGIN SELECT RAISE(ABORT, 'audit entries are append-only'); END;
        CREATE TRIGGER IF NOT EXISTS audit_entries_no_delete BEFORE DELETE ON audit_entries
        BEGIN SELECT RAISE(ABORT, 'audit entries are append-only'); END;
        """;

    /// <inheritdoc cref="AppendOnlyOnSqlite"/>
    /// <remarks>Only when it is missing: making it waits for everybody who writes to the table.</remarks>
    public const string AppendOnlyOnPostgreSql =
        """
        DO $do$ BEGIN
          IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgname = 'audit_entries_append_only' AND tgrelid = 'audit_entries'::regclass) THEN
            CREATE OR REPLACE FUNCTION audit_entries_append_only() RETURNS trigger LANGUAGE plpgsql AS
              $f$ BEGIN RAISE EXCEPTION 'audit entries are append-only'; END $f$;
            CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
              FOR EACH STATEMENT EXECUTE FUNCTION audit_entries_append_only();
          END IF;
        END $do$;
        """;

    public void Configure(EntityTypeBuilder<AuditEntry> builder)
    {
        builder.ToTable("audit_entries");
        builder.HasKey(entry => new { entry.OrganisationId, entry.Number });
        builder.Property(entry => entry.Number).ValueGeneratedNever();
        builder.Property(entry => entry.Actor).HasMaxLength(254);
        builder.Property(entry => entry.Action).HasMaxLength(100);
        builder.Property(entry => entry.Subject).HasMaxLength(AuditLog.LongestText);
        builder.Property(entry => entry.Detail).HasMaxLength(AuditLog.LongestText);
        builder.HasIndex(entry => new { entry.OrganisationId, entry.At });
    }

    public void Configure(EntityTypeBuilder<AuditHead> builder)
    {
        builder.ToTable("audit_heads");
        builder.HasKey(head => head.OrganisationId);
    }
}
