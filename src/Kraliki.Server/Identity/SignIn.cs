using Kraliki.Server.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Kraliki.Server.Identity;

/// <summary>Why a sign-in is over.</summary>
public enum SignInEnd
{
    SignedOut,
    SignedOutEverywhere,

    /// <summary>A refresh token came a second time: someone has a copy.</summary>
    Reused,
    Deactivated,
    PasswordChanged,

    /// <summary>From the list of devices.</summary>
    EndedByUser,
}

/// <summary>One person on one device, from signing in to signing out: the family of refresh tokens and all access tokens made with it.</summary>
public sealed class SignIn : IOwned
{
    public const int LongestUserAgent = 300;

    /// <summary>The <c>sid</c> of its access tokens.</summary>
    public required Guid Id { get; init; }

    public required Guid OrganisationId { get; init; }

    public required Guid UserId { get; init; }

    public User User { get; init; } = null!;

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When its tokens were last renewed.</summary>
    public required DateTimeOffset LastUsedAt { get; init; }

    /// <summary>Where it was last renewed from.</summary>
    public required string? Address { get; init; }

    /// <summary>As the client wrote it, cut to <see cref="LongestUserAgent"/>.</summary>
    public required string? UserAgent { get; init; }

    public DateTimeOffset? EndedAt { get; init; }

    public SignInEnd? EndReason { get; init; }
}

/// <summary>An access token that is refused although it has not expired; kept until it has.</summary>
public sealed class RevokedToken
{
    public required Guid Jti { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }
}

internal sealed class SignInConfiguration : IEntityTypeConfiguration<SignIn>
{
    public void Configure(EntityTypeBuilder<SignIn> builder)
    {
        builder.ToTable("sign_ins");
        builder.Property(signIn => signIn.Address).HasMaxLength(60);
        builder.Property(signIn => signIn.UserAgent).HasMaxLength(SignIn.LongestUserAgent);
        builder.Property(signIn => signIn.EndReason).HasConversion<string>().HasMaxLength(30);
        builder.HasIndex(signIn => signIn.UserId);
        builder.HasIndex(signIn => signIn.LastUsedAt);
        builder.HasOne(signIn => signIn.User).WithMany().HasForeignKey(signIn => signIn.UserId).OnDelete(DeleteBehavior.Cascade);
    }
}

internal sealed class RevokedTokenConfiguration : IEntityTypeConfiguration<RevokedToken>
{
    public void Configure(EntityTypeBuilder<RevokedToken> builder)
    {
        builder.ToTable("revoked_tokens");
        builder.HasKey(token => token.Jti);
        builder.Property(token => token.Jti).ValueGeneratedNever();
        builder.HasIndex(token => token.ExpiresAt);
    }
}
