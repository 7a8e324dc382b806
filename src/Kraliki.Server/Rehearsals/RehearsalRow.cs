using System.Text.Json;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Kraliki.Server.Rehearsals;

/// <summary>One call against a simulated caller, from the request to the report.</summary>
public sealed class RehearsalRow : IOwned
{
    public required Guid Id { get; init; }

    public required Guid OrganisationId { get; init; }

    public required string Script { get; init; }

    public required string Provider { get; init; }

    public required string TelephonyProvider { get; init; }

    /// <summary>Who is called; null: the server's own.</summary>
    public Guid? AssistantId { get; init; }

    /// <summary>The newest when the call was asked for.</summary>
    public int? AssistantVersion { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset UpdatedAt { get; set; }

    public RehearsalStatus Status { get; set; }

    public Guid? SessionId { get; set; }

    public DateTimeOffset? FinishedAt { get; set; }

    public string? Failure { get; set; }

    public RehearsalReport? Report { get; set; }

    public RehearsalView ToView() => new(Id, Status, Script, Provider, TelephonyProvider, SessionId, CreatedAt, FinishedAt, Failure, Report, UpdatedAt, AssistantId);

    private sealed class Mapping : IEntityTypeConfiguration<RehearsalRow>
    {
        public void Configure(EntityTypeBuilder<RehearsalRow> builder)
        {
            builder.ToTable("rehearsals");
            builder.HasKey(row => row.Id);
            builder.HasIndex(row => new { row.OrganisationId, row.Id });
            builder.HasIndex(row => new { row.OrganisationId, row.UpdatedAt, row.Id });
            builder.Property(row => row.Script).HasMaxLength(200);
            builder.Property(row => row.Provider).HasMaxLength(40);
            builder.Property(row => row.TelephonyProvider).HasMaxLength(40);
            builder.Property(row => row.Status).HasConversion<string>().HasMaxLength(20);
            builder.Property(row => row.Report).HasConversion(
                report => report == null ? null : JsonSerializer.Serialize(report, ContractsJson.Default.RehearsalReport),
                json => json == null ? null : JsonSerializer.Deserialize(json, ContractsJson.Default.RehearsalReport));
        }
    }
}
