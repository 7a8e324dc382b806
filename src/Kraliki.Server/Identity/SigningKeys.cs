using System.Security.Cryptography;
using System.Text;
using Kraliki.Server.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Microsoft.IdentityModel.Tokens;
using NSec.Cryptography;

namespace Kraliki.Server.Identity;

public sealed class SigningKey
{
    /// <summary>The key's RFC 7638 thumbprint.</summary>
    public required string Kid { get; init; }

    /// <summary>The 32 bytes of the private key.</summary>
    public required byte[] PrivateKey { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }
}

/// <summary>One key as <c>/.well-known/jwks.json</c> shows it (RFC 8037).</summary>
public sealed record PublicJwk(string Kty, string Crv, string Alg, string Use, string Kid, string X);

public sealed record JsonWebKeys(IReadOnlyList<PublicJwk> Keys);

/// <summary>The keys of access tokens: the newest signs, every one verifies. Kept in the database, so tokens outlive a restart.</summary>
internal sealed class SigningKeys(KralikiDbFactory databases, TimeProvider time)
{
    // Replaced as a whole at start; read from any thread.
    private IReadOnlyList<EdDsaKey> _keys = [];

    public EdDsaKey Newest => _keys[0];

    public EdDsaKey? Find(string? kid) => _keys.FirstOrDefault(key => key.KeyId == kid);

    public JsonWebKeys Public => new([.. _keys.Select(key =>
        new PublicJwk("OKP", "Ed25519", EdDsaKey.Algorithm, "sig", key.KeyId, Base64UrlEncoder.Encode(key.PublicBytes)))]);

    public async Task LoadAsync(CancellationToken cancellationToken)
    {
        await using var db = databases.OpenForSystem();
        var rows = await db.Set<SigningKey>().OrderByDescending(key => key.CreatedAt).ToListAsync(cancellationToken);
        if (rows.Count == 0)
        {
            rows.Add(Generate());
            db.Add(rows[0]);
            await db.SaveChangesAsync(cancellationToken);
        }

        _keys = [.. rows.Select(row => new EdDsaKey(row.Kid, Key.Import(SignatureAlgorithm.Ed25519, row.PrivateKey, KeyBlobFormat.RawPrivateKey)))];
    }

    private SigningKey Generate()
    {
        using var key = Key.Create(SignatureAlgorithm.Ed25519, new KeyCreationParameters { ExportPolicy = KeyExportPolicies.AllowPlaintextExport });
        var x = Base64UrlEncoder.Encode(key.PublicKey.Export(KeyBlobFormat.RawPublicKey));

        // RFC 7638: the required members in alphabetical order, no blanks.
        var thumbprint = SHA256.HashData(Encoding.UTF8.GetBytes($$"""{"crv":"Ed25519","kty":"OKP","x":"{{x}}"}"""));
        return new SigningKey
        {
            Kid = Base64UrlEncoder.Encode(thumbprint),
            PrivateKey = key.Export(KeyBlobFormat.RawPrivateKey),
            CreatedAt = time.GetUtcNow(),
        };
    }
}

internal sealed class SigningKeyConfiguration : IEntityTypeConfiguration<SigningKey>
{
    public void Configure(EntityTypeBuilder<SigningKey> builder)
    {
        builder.ToTable("signing_keys");
        builder.HasKey(key => key.Kid);
        builder.Property(key => key.Kid).HasMaxLength(64);
    }
}
