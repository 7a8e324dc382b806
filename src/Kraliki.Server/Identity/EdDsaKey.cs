using Microsoft.IdentityModel.Tokens;
using NSec.Cryptography;

namespace Kraliki.Server.Identity;

/// <summary>
/// An Ed25519 key in the shape that Microsoft.IdentityModel wants. The library knows no EdDSA (RFC 8037) of its own, so
/// key, crypto provider and signature provider are here.
/// </summary>
internal sealed class EdDsaKey : AsymmetricSecurityKey
{
    public const string Algorithm = "EdDSA";

    private readonly Key _key;

    public EdDsaKey(string kid, Key key)
    {
        KeyId = kid;
        _key = key;
        CryptoProviderFactory = new CryptoProviderFactory { CustomCryptoProvider = Provider.Instance };
    }

    public override int KeySize => 256;

    [Obsolete("Of the base class: whether a key is private is answered by PrivateKeyStatus.")]
    public override bool HasPrivateKey => true;

    public override PrivateKeyStatus PrivateKeyStatus => PrivateKeyStatus.Exists;

    /// <summary>The public key's 32 bytes.</summary>
    public byte[] PublicBytes => _key.PublicKey.Export(KeyBlobFormat.RawPublicKey);

    private sealed class Provider : ICryptoProvider
    {
        public static readonly Provider Instance = new();

        public bool IsSupportedAlgorithm(string algorithm, params object[] args) =>
            algorithm == Algorithm && args.OfType<EdDsaKey>().Any();

        public object Create(string algorithm, params object[] args) =>
            new Signatures(args.OfType<EdDsaKey>().First());

        public void Release(object cryptoInstance) => (cryptoInstance as IDisposable)?.Dispose();
    }

    private sealed class Signatures(EdDsaKey key) : SignatureProvider(key, EdDsaKey.Algorithm)
    {
        public override byte[] Sign(byte[] input) => SignatureAlgorithm.Ed25519.Sign(key._key, input);

        public override bool Sign(ReadOnlySpan<byte> data, Span<byte> destination, out int bytesWritten)
        {
            bytesWritten = SignatureAlgorithm.Ed25519.SignatureSize;
            if (destination.Length < bytesWritten)
            {
                bytesWritten = 0;
                return false;
            }

            SignatureAlgorithm.Ed25519.Sign(key._key, data, destination[..bytesWritten]);
            return true;
        }

        public override bool Verify(byte[] input, byte[] signature) =>
            SignatureAlgorithm.Ed25519.Verify(key._key.PublicKey, input, signature);

        public override bool Verify(byte[] input, int inputOffset, int inputLength, byte[] signature, int signatureOffset, int signatureLength) =>
            SignatureAlgorithm.Ed25519.Verify(
                key._key.PublicKey,
                input.AsSpan(inputOffset, inputLength),
                signature.AsSpan(signatureOffset, signatureLength));

        protected override void Dispose(bool disposing)
        {
            // The key belongs to the ring.
        }
    }
}
