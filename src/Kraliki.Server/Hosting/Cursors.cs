using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Kraliki.Server.Hosting;

/// <summary>
/// Signed positions of paged lists. A cursor is good for the list, the filters and the organisation that it was made for,
/// and for nothing else. Safe from any thread.
/// </summary>
public sealed class Cursors(MasterKey master)
{
    private const int TagBytes = 16;

    private readonly byte[] _key = master.Derive("cursors");

    /// <param name="scope">Names list, organisation and filters, so that a cursor cannot be carried elsewhere.</param>
    /// <param name="position">Where the next page begins; short text, not secret.</param>
    public string Write(string scope, string position)
    {
        var bytes = Encoding.UTF8.GetBytes(position);
        return Base64Url.EncodeToString([.. Tag(scope, bytes), .. bytes]);
    }

    /// <returns>Null when the cursor was not made here, was changed, or belongs to another list.</returns>
    public string? Read(string scope, string cursor)
    {
        if (!Base64Url.IsValid(cursor) || Base64Url.DecodeFromChars(cursor) is not { Length: > TagBytes } bytes)
        {
            return null;
        }

        return CryptographicOperations.FixedTimeEquals(bytes.AsSpan(0, TagBytes), Tag(scope, bytes.AsSpan(TagBytes)))
            ? Encoding.UTF8.GetString(bytes.AsSpan(TagBytes))
            : null;
    }

    private byte[] Tag(string scope, ReadOnlySpan<byte> position)
    {
        using var hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, _key);
        hmac.AppendData(Encoding.UTF8.GetBytes(scope));
        hmac.AppendData([0]);
        hmac.AppendData(position);
        return hmac.GetHashAndReset()[..TagBytes];
    }
}
