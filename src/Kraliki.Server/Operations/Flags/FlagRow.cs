using Kraliki.Server.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Kraliki.Server.Operations.Flags;

/// <summary>An organisation's decision about one flag; without one the default holds.</summary>
public sealed class FlagRow : IOwned
{
    public required Guid OrganisationId { get; init; }

    /// <summary><see cref="FlagDefinition.Name"/>.</summary>
    public required string Name { get; init; }

    /// <summary>Null is the decision to go back to the default.</summary>
    public required bool? Enabled { get; set; }

    public required DateTimeOffset UpdatedAt { get; set; }

    /// <summary>The administrator's e-mail address.</summary>
    public required string UpdatedBy { get; set; }

    /// <summary>Counts decisions, from 1.</summary>
    public required long Version { get; set; }

    private sealed class Mapping : IEntityTypeConfiguration<FlagRow>
    {
        public void Configure(EntityTypeBuilder<FlagRow> builder)
        {
            builder.ToTable("feature_flags");
            builder.HasKey(row => new { row.OrganisationId, row.Name });
            builder.Property(row => row.Name).HasMaxLength(60);
            builder.Property(row => row.UpdatedBy).HasMaxLength(254);
            builder.Property(row => row.Version).IsConcurrencyToken();

            // For the nodes, which ask again and again what has changed.
            builder.HasIndex(row => row.UpdatedAt);
        }
    }
}
