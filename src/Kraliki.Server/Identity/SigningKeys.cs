using System.Security.Cryptography;
using System.Text;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Microsoft.IdentityModel.Tokens;
using NSec.Cryptography;

namespace Kraliki.Server.Identity;

public sealed class SigningKey
{
    /// <summary>The key's RFC 7638 thumbprint.</summary>
    public required string Kid { get; init; }

    /// <summary>The private key, sealed by a key outside the database: see <see cref="SigningKeys"/>.</summary>
    public required byte[] SealedKey { get; init; }

    /// <summary>From then on it signs, until a later one does. Before, it is only announced.</summary>
    public required DateTimeOffset SignsFrom { get; init; }
}

/// <summary>One key as <c>/.well-known/jwks.json</c> shows it (RFC 8037).</summary>
public sealed record PublicJwk(string Kty, string Crv, string Alg, string Use, string Kid, string X);

public sealed record JsonWebKeys(IReadOnlyList<PublicJwk> Keys);

/// <summary>
/// The keys of access tokens. One signs, the next is announced before it does, the last ones verify until their last token
/// has expired: a change of keys signs nobody out. Safe from any thread.
/// </summary>
/// <remarks>
/// All nodes share them in the database. Private keys lie there sealed with AES-256-GCM (nonce, cipher text, tag; the kid is
/// associated data) under a key derived from <see cref="MasterKey"/>, so that a copy of the database signs no token.
/// </remarks>
internal sealed class SigningKeys(KralikiDbFactory databases, MasterKey master, KralikiOptions options, TimeProvider time) : IDisposable
{
    private const int NonceBytes = 12;
    private const int TagBytes = 16;

    /// <summary>How long others may keep the published keys.</summary>
    public static readonly TimeSpan CacheLife = TimeSpan.FromHours(1);

    // The cache's life, and what it takes until every node publishes the new key.
    private static readonly TimeSpan Announcement = CacheLife + TimeSpan.FromHours(1);

    // A token with a key unknown here may come from a node that is ahead, or from a forger, who must not keep the database busy.
    private static readonly TimeSpan LookAgainAfter = TimeSpan.FromSeconds(5);

    private readonly TimeSpan _rotation = TimeSpan.FromDays(options.Identity.KeyRotationDays);
    private readonly byte[] _sealing = master.Derive("signing-keys");
    private readonly SemaphoreSlim _gate = new(initialCount: 1);

    // Oldest first. Replaced as a whole; read from any thread.
    private volatile IReadOnlyList<Known> _keys = [];
    private DateTimeOffset _loadedAt;

    /// <summary>What signs now.</summary>
    public EdDsaKey Current
    {
        get
        {
            var now = time.GetUtcNow();
            var keys = _keys;

            // None has begun when the clock was set back after the first start; the first one will do.
            return (keys.LastOrDefault(key => key.SignsFrom <= now) ?? keys[0]).Key;
        }
    }

    public JsonWebKeys Public => new([.. _keys.Select(known =>
        new PublicJwk("OKP", "Ed25519", EdDsaKey.Algorithm, "sig", known.Key.KeyId, Base64UrlEncoder.Encode(known.Key.PublicBytes)))]);

    public EdDsaKey? Find(string? kid) => _keys.FirstOrDefault(known => known.Key.KeyId == kid)?.Key;

    /// <summary>Looks into the database for a key that is unknown here, but not for each forgery.</summary>
    public async ValueTask LookForAsync(string kid, CancellationToken cancellationToken)
    {
        if (Find(kid) is not null)
        {
            return;
        }

        await _gate.WaitAsync(cancellationToken);
        try
        {
            if (Find(kid) is null && time.GetUtcNow() - _loadedAt >= LookAgainAfter)
            {
                await using var db = databases.OpenForSystem();
                await LoadAsync(db, cancellationToken);
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Takes over what other nodes have done, makes the next key when its time comes, and lets the worn out ones go. Called at the start and every few minutes.</summary>
    /// <exception cref="StartRefusedException">The keys were sealed under another master key.</exception>
    public async Task TendAsync(CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            var now = time.GetUtcNow();
            await using var db = databases.OpenForSystem();
            var rows = await db.Set<SigningKey>().OrderBy(key => key.SignsFrom).ToListAsync(cancellationToken);
            if (rows.Count == 0)
            {
                db.Add(Generate(signsFrom: now));
            }
            else if (now >= rows[^1].SignsFrom + _rotation - Announcement)
            {
                // After a long standstill the old key signs on until the new one was announced long enough.
                var due = rows[^1].SignsFrom + _rotation;
                db.Add(Generate(due > now + Announcement ? due : now + Announcement));
            }

            var lastIssued = now - AccessTokens.Life - AccessTokens.ClockSkew;
            db.RemoveRange(rows.Zip(rows.Skip(1)).Where(pair => pair.Second.SignsFrom < lastIssued).Select(pair => pair.First));
            try
            {
                await db.SaveChangesAsync(cancellationToken);
            }
            catch (DbUpdateException)
            {
                // Another node did the same at the same moment; what it left is read now.
            }

            await LoadAsync(db, cancellationToken);
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Dispose() => _gate.Dispose();

    private async Task LoadAsync(KralikiDb db, CancellationToken cancellationToken)
    {
        var rows = await db.Set<SigningKey>().AsNoTracking().OrderBy(key => key.SignsFrom).ToListAsync(cancellationToken);
        _keys = rows.ConvertAll(row => _keys.FirstOrDefault(known => known.Key.KeyId == row.Kid) ?? new Known(Open(row), row.SignsFrom));
        _loadedAt = time.GetUtcNow();
    }

    private SigningKey Generate(DateTimeOffset signsFrom)
    {
        using var key = Key.Create(SignatureAlgorithm.Ed25519, new KeyCreationParameters { ExportPolicy = KeyExportPolicies.AllowPlaintextExport });
        var x = Base64UrlEncoder.Encode(key.PublicKey.Export(KeyBlobFormat.RawPublicKey));

        // RFC 7638: the required members in alphabetical order, no blanks.
        var kid = Base64UrlEncoder.Encode(SHA256.HashData(Encoding.UTF8.GetBytes($$"""{"crv":"Ed25519","kty":"OKP","x":"{{x}}"}""")));
        return new SigningKey { Kid = kid, SealedKey = Seal(key.Export(KeyBlobFormat.RawPrivateKey), kid), SignsFrom = signsFrom };
    }

    private byte[] Seal(byte[] secret, string kid)
    {
        var all = new byte[NonceBytes + secret.Length + TagBytes];
        var nonce = all.AsSpan(0, NonceBytes);
        RandomNumberGenerator.Fill(nonce);
        using var aes = new AesGcm(_sealing, TagBytes);
        aes.Encrypt(nonce, secret, all.AsSpan(NonceBytes, secret.Length), all.AsSpan(^TagBytes..), Encoding.ASCII.GetBytes(kid));
        CryptographicOperations.ZeroMemory(secret);
        return all;
    }

    private EdDsaKey Open(SigningKey row)
    {
        var all = row.SealedKey.AsSpan();
        var secret = new byte[all.Length - NonceBytes - TagBytes];
        using var aes = new AesGcm(_sealing, TagBytes);
        try
        {
            aes.Decrypt(all[..NonceBytes], all[NonceBytes..^TagBytes], all[^TagBytes..], secret, Encoding.ASCII.GetBytes(row.Kid));
        }
        catch (AuthenticationTagMismatchException)
        {
            throw new StartRefusedException(
                "The master key is not the one that this database was made with, so its signing keys cannot be read. "
                + "Bring back the file master.key or the setting Kraliki:MasterKey that belongs to it.");
        }

        var key = Key.Import(SignatureAlgorithm.Ed25519, secret, KeyBlobFormat.RawPrivateKey);
        CryptographicOperations.ZeroMemory(secret);
        return new EdDsaKey(row.Kid, key);
    }

    private sealed record Known(EdDsaKey Key, DateTimeOffset SignsFrom);
}

internal sealed class SigningKeyConfiguration : IEntityTypeConfiguration<SigningKey>
{
    public void Configure(EntityTypeBuilder<SigningKey> builder)
    {
        builder.ToTable("signing_keys");
        builder.HasKey(key => key.Kid);
        builder.Property(key => key.Kid).HasMaxLength(64);

        // Of two nodes that make the next key at once, one must notice.
        builder.HasIndex(key => key.SignsFrom).IsUnique();
    }
}
