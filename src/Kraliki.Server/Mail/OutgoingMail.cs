using Kraliki.Contracts;
using Kraliki.Server.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Kraliki.Server.Mail;

/// <summary>A mail that is to be sent, or was. It belongs to the organisation whose act caused it.</summary>
public sealed class OutgoingMail : IOwned
{
    public required Guid Id { get; init; }

    public required Guid OrganisationId { get; init; }

    public required string To { get; init; }

    public required string Subject { get; init; }

    /// <summary>Plain text; null once sent or given up, because it holds links that open accounts.</summary>
    public required string? Text { get; set; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When somebody may try (again); null when nothing is left to do. Whoever moves it from the past into the future has the mail to send.</summary>
    public required DateTimeOffset? NextTryAt { get; set; }

    public int Tries { get; set; }

    public DateTimeOffset? SentAt { get; set; }

    public DateTimeOffset? GivenUpAt { get; set; }

    public MailView ToView() => new(Id, To, Subject, Text ?? "", CreatedAt);
}

internal sealed class OutgoingMailConfiguration : IEntityTypeConfiguration<OutgoingMail>
{
    public void Configure(EntityTypeBuilder<OutgoingMail> builder)
    {
        builder.ToTable("mails");
        builder.Property(mail => mail.To).HasMaxLength(254);
        builder.Property(mail => mail.Subject).HasMaxLength(200);
        builder.HasIndex(mail => mail.NextTryAt);
        builder.HasIndex(mail => mail.CreatedAt);
    }
}
