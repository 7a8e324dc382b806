using System.Text.Json;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Kraliki.Server.Assistants;

/// <summary>An assistant of an organisation; what it is and does stands in its <see cref="AssistantVersion"/>s. Which one is the default, <see cref="Organisation"/> says.</summary>
public sealed class Assistant : IOwned
{
    public required Guid Id { get; init; }

    public required Guid OrganisationId { get; init; }

    /// <summary>Of the newest version.</summary>
    public required string Name { get; set; }

    /// <summary>Number of the newest version.</summary>
    public required int Version { get; set; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it last got a version, was archived, taken back, or became or ceased to be the default; for incremental sync.</summary>
    public required DateTimeOffset UpdatedAt { get; set; }

    /// <summary>Who made the newest version.</summary>
    public required string UpdatedBy { get; set; }

    /// <summary>Not null: no new call gets it. Those that run keep it.</summary>
    public DateTimeOffset? ArchivedAt { get; set; }

    private sealed class Mapping : IEntityTypeConfiguration<Assistant>
    {
        public void Configure(EntityTypeBuilder<Assistant> builder)
        {
            builder.ToTable("assistants");
            builder.HasKey(row => row.Id);
            builder.Property(row => row.Name).HasMaxLength(AssistantContent.LongestName);
            builder.Property(row => row.UpdatedBy).HasMaxLength(254);

            // Of two who save at once, one is told; and who saves what is being archived.
            builder.Property(row => row.Version).IsConcurrencyToken();
            builder.Property(row => row.ArchivedAt).IsConcurrencyToken();
            builder.HasIndex(row => new { row.OrganisationId, row.Id });
            builder.HasIndex(row => new { row.OrganisationId, row.UpdatedAt, row.Id });
            builder.HasOne<Organisation>().WithMany().HasForeignKey(row => row.OrganisationId).OnDelete(DeleteBehavior.Cascade);
        }
    }
}

/// <summary>What an assistant was from one save to the next. Never changed.</summary>
public sealed class AssistantVersion : IOwned
{
    public required Guid OrganisationId { get; init; }

    public required Guid AssistantId { get; init; }

    public required int Number { get; init; }

    public required AssistantContent Content { get; init; }

    public required DateTimeOffset At { get; init; }

    /// <summary>E-mail address, or <c>server</c>.</summary>
    public required string By { get; init; }

    public string? Note { get; init; }

    public int? RestoredFrom { get; init; }

    private sealed class Mapping : IEntityTypeConfiguration<AssistantVersion>
    {
        public void Configure(EntityTypeBuilder<AssistantVersion> builder)
        {
            builder.ToTable("assistant_versions");
            builder.HasKey(row => new { row.AssistantId, row.Number });
            builder.Property(row => row.Number).ValueGeneratedNever();
            builder.Property(row => row.By).HasMaxLength(254);
            builder.Property(row => row.Note).HasMaxLength(SaveAssistant.LongestNote);

            // A document: it is read and written as a whole, and no query looks into it.
            builder.Property(row => row.Content).HasConversion(
                content => JsonSerializer.Serialize(content, ContractsJson.Default.AssistantContent),
                json => JsonSerializer.Deserialize(json, ContractsJson.Default.AssistantContent)!);
            builder.HasOne<Assistant>().WithMany().HasForeignKey(row => row.AssistantId).OnDelete(DeleteBehavior.Cascade);
        }
    }
}
