using Kraliki.Contracts;
using Kraliki.Server.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Kraliki.Server.Identity;

/// <summary>An offer to join an organisation, sent by mail. Its link is a <see cref="MailToken"/> of this id.</summary>
public sealed class Invitation : IOwned
{
    public static readonly TimeSpan Life = TimeSpan.FromDays(7);

    public required Guid Id { get; init; }

    public required Guid OrganisationId { get; init; }

    public Organisation Organisation { get; init; } = null!;

    /// <summary>Normalised like <see cref="User.Email"/>.</summary>
    public required string Email { get; init; }

    public required UserRole Role { get; init; }

    public required Guid InvitedById { get; init; }

    public User InvitedBy { get; init; } = null!;

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Moves with each new mail.</summary>
    public required DateTimeOffset ExpiresAt { get; set; }

    public DateTimeOffset? AcceptedAt { get; set; }

    public DateTimeOffset? WithdrawnAt { get; set; }

    public InvitationView ToView() => new(Id, Email, Role, InvitedBy.Name, CreatedAt, ExpiresAt);

    public InvitationOffer ToOffer() => new(Email, Role, Organisation.Name, InvitedBy.Name);
}

internal sealed class InvitationConfiguration : IEntityTypeConfiguration<Invitation>
{
    public void Configure(EntityTypeBuilder<Invitation> builder)
    {
        builder.ToTable("invitations");
        builder.Property(invitation => invitation.Email).HasMaxLength(254);
        builder.Property(invitation => invitation.Role).HasConversion<string>().HasMaxLength(20);
        builder.HasIndex(invitation => new { invitation.OrganisationId, invitation.Email });
        builder.HasOne(invitation => invitation.Organisation).WithMany().HasForeignKey(invitation => invitation.OrganisationId).OnDelete(DeleteBehavior.Restrict);
        builder.HasOne(invitation => invitation.InvitedBy).WithMany().HasForeignKey(invitation => invitation.InvitedById).OnDelete(DeleteBehavior.Restrict);
    }
}
