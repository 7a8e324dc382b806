using Kraliki.Contracts;
using Kraliki.Server.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Kraliki.Server.Identity;

/// <summary>A company that uses this installation; everything of it is invisible to the others.</summary>
public sealed class Organisation
{
    public required Guid Id { get; init; }

    public required string Name { get; set; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>
    /// Counts changes of who administers. Raised first in such a transaction: the second of two waits for this row, so that
    /// two administrators cannot take the role from each other at once and leave nobody.
    /// </summary>
    public long AdministrationRevision { get; set; }

    /// <summary>The assistant of calls that name none; never an archived one.</summary>
    public Guid DefaultAssistantId { get; set; }
}

public sealed class User : IOwned
{
    public required Guid Id { get; init; }

    public required Guid OrganisationId { get; init; }

    public Organisation Organisation { get; init; } = null!;

    /// <summary>Lower case; unique over all organisations, because it alone is what people sign in with.</summary>
    public required string Email { get; init; }

    public required string Name { get; set; }

    public required UserRole Role { get; set; }

    /// <summary>See <see cref="PasswordHashes"/>.</summary>
    public required string PasswordHash { get; set; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Null until the link in the mail was opened: nobody signs in before.</summary>
    public DateTimeOffset? EmailVerifiedAt { get; set; }

    /// <summary>Not null: cannot sign in, and no token of this person is good.</summary>
    public DateTimeOffset? DeactivatedAt { get; set; }

    /// <summary>Not counted in <see cref="Version"/>: signing in must not spoil somebody's edit.</summary>
    public DateTimeOffset? LastSignedInAt { get; set; }

    public required DateTimeOffset UpdatedAt { get; set; }

    /// <summary>Counts changes of what <see cref="UserView"/> and <see cref="MemberView"/> show; the ETag.</summary>
    public long Version { get; private set; } = 1;

    public MemberStatus Status => DeactivatedAt is not null ? MemberStatus.Deactivated : EmailVerifiedAt is null ? MemberStatus.Unverified : MemberStatus.Active;

    /// <summary>Whoever changed it first wins: the next save of an older copy fails.</summary>
    public void Touch(DateTimeOffset now)
    {
        UpdatedAt = now;
        Version++;
    }

    public static string Normalise(string email) => email.Trim().ToLowerInvariant();

    public UserView ToView() => new(Id, Email, Name, Role, OrganisationId, Organisation.Name, Version);

    public MemberView ToMember() => new(Id, Email, Name, Role, Status, CreatedAt, LastSignedInAt, Version);
}

internal sealed class OrganisationConfiguration : IEntityTypeConfiguration<Organisation>
{
    public void Configure(EntityTypeBuilder<Organisation> builder)
    {
        builder.ToTable("organisations");
        builder.Property(organisation => organisation.Name).HasMaxLength(200);
    }
}

internal sealed class UserConfiguration : IEntityTypeConfiguration<User>
{
    public void Configure(EntityTypeBuilder<User> builder)
    {
        builder.ToTable("users");
        builder.Property(user => user.Email).HasMaxLength(254);
        builder.Property(user => user.Name).HasMaxLength(200);
        builder.Property(user => user.Role).HasConversion<string>().HasMaxLength(20);
        builder.Property(user => user.PasswordHash).HasMaxLength(200);
        builder.Property(user => user.Version).IsConcurrencyToken();
        builder.Ignore(user => user.Status);
        builder.HasIndex(user => user.Email).IsUnique();
        builder.HasOne(user => user.Organisation).WithMany().HasForeignKey(user => user.OrganisationId).OnDelete(DeleteBehavior.Restrict);
    }
}
