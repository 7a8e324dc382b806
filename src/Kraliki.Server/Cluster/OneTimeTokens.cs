using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Kraliki.Server.Hosting;

namespace Kraliki.Server.Cluster;

internal enum TokenOutcome
{
    Good,

    /// <summary>Not ours, for something else, or for another purpose.</summary>
    Unknown,
    Expired,
    Used,
}

/// <param name="Content">What the token was issued with; null unless it is good.</param>
internal sealed record Redeemed<T>(TokenOutcome Outcome, T? Content = null)
    where T : class;

/// <summary>
/// Tokens that are good once, on whichever node of the installation they are shown, and after a restart too. What a token is
/// good for stands in the token itself, under a code that only we can make; that it was used stands in the database (see <see cref="SpentTokens"/>). Safe
/// from any thread.
/// </summary>
/// <remarks>
/// A token is base64url of: code (HMAC-SHA256 of purpose and the rest), id (16 bytes), expiry (UTC ticks, 8 bytes, little
/// endian), content (JSON). Readable by whoever holds it, so nothing goes in that they may not know. The clocks of the nodes
/// must agree to within a few seconds.
/// </remarks>
internal sealed class OneTimeTokens(MasterKey master, SpentTokens spent, TimeProvider time)
{
    private const int Code = HMACSHA256.HashSizeInBytes;
    private const int Expiry = Code + 16;
    private const int Content = Expiry + sizeof(long);

    // Several times what we issue: whoever sends more did not get it from us.
    private const int Longest = 2_048;

    private readonly byte[] _key = master.Derive("one-time-tokens");

    /// <param name="purpose">Where it is good; a token of one purpose is unknown to every other.</param>
    public string Issue<T>(string purpose, T content, DateTimeOffset expiresAt)
        where T : class
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(content);
        var token = new byte[Content + json.Length];
        Guid.CreateVersion7(time.GetUtcNow()).TryWriteBytes(token.AsSpan(Code));
        BinaryPrimitives.WriteInt64LittleEndian(token.AsSpan(Expiry), expiresAt.UtcTicks);
        json.CopyTo(token.AsSpan(Content));
        CodeOf(purpose, token.AsSpan(Code)).CopyTo(token.AsSpan());
        return Base64Url.EncodeToString(token);
    }

    /// <param name="fits">Whether it was issued for what it is shown for; one that was not stays good for that.</param>
    /// <returns>Of any number of uses, at the same time and on several nodes too, one is good.</returns>
    /// <exception cref="System.Data.Common.DbException">The database is away: neither good nor bad, to be tried again.</exception>
    /// <exception cref="TimeoutException">The same: it does not answer, and whoever shows a token shall not wait for it.</exception>
    public async Task<Redeemed<T>> RedeemAsync<T>(string purpose, string token, Func<T, bool> fits, CancellationToken cancellationToken)
        where T : class
    {
        if (Open(purpose, token) is not { } bytes
            || JsonSerializer.Deserialize<T>(bytes.AsSpan(Content)) is not { } content
            || !fits(content))
        {
            return new(TokenOutcome.Unknown);
        }

        var expiresAt = new DateTimeOffset(BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(Expiry)), TimeSpan.Zero);
        if (expiresAt <= time.GetUtcNow())
        {
            return new(TokenOutcome.Expired);
        }

        return await spent.SpendAsync(new Guid(bytes.AsSpan(Code..Expiry)), expiresAt, cancellationToken)
            ? new(TokenOutcome.Good, content)
            : new(TokenOutcome.Used);
    }

    /// <returns>Null when it is not from us.</returns>
    private byte[]? Open(string purpose, string token)
    {
        if (token.Length > Longest || !Base64Url.IsValid(token, out var length) || length < Content)
        {
            return null;
        }

        var bytes = Base64Url.DecodeFromChars(token);
        return CryptographicOperations.FixedTimeEquals(CodeOf(purpose, bytes.AsSpan(Code)), bytes.AsSpan(..Code)) ? bytes : null;
    }

    private byte[] CodeOf(string purpose, ReadOnlySpan<byte> rest)
    {
        byte[] covered = [.. Encoding.ASCII.GetBytes(purpose), 0, .. rest];
        return HMACSHA256.HashData(_key, covered);
    }
}
