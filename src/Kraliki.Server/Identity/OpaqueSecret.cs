using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Kraliki.Server.Identity;

/// <summary>A secret that its holder alone keeps. The database knows its hash, which opens nothing: 256 random bits cannot be guessed back.</summary>
internal static class OpaqueSecret
{
    /// <returns>For the holder: base64url.</returns>
    public static string New() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));

    /// <returns>For the database: SHA-256.</returns>
    public static byte[] HashOf(string secret) => SHA256.HashData(Encoding.UTF8.GetBytes(secret));
}
