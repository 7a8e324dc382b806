using System.Security.Cryptography;
using NSec.Cryptography;

namespace Kraliki.Server.Identity;

/// <summary>
/// Argon2id with the parameters of the OWASP password storage cheat sheet (19 MiB, 2 passes, 1 lane), kept in the PHC
/// string format so that stronger parameters can follow without losing old hashes. Safe from any thread.
/// </summary>
internal sealed class PasswordHashes : IDisposable
{
    private const int SaltBytes = 16;
    private const int HashBytes = 32;
    private const string Prefix = "$argon2id$v=19$m=19456,t=2,p=1$";

    private static readonly Argon2id Algorithm = new(new Argon2Parameters { MemorySize = 19456, NumberOfPasses = 2, DegreeOfParallelism = 1 });

    // A hash takes a core for tens of milliseconds and 19 MiB: a crowd signing in must queue here, not starve the calls.
    private readonly SemaphoreSlim _gate = new(initialCount: 1);

    // What an unknown account is compared with, so that its answer takes as long as a wrong password's.
    private readonly string _nobody = Hash(Convert.ToHexString(RandomNumberGenerator.GetBytes(SaltBytes)));

    public static string Hash(string password)
    {
        var salt = RandomNumberGenerator.GetBytes(SaltBytes);
        return $"{Prefix}{Convert.ToBase64String(salt)}${Convert.ToBase64String(Algorithm.DeriveBytes(password, salt, HashBytes))}";
    }

    /// <param name="hash">Null for an account that does not exist: false, after the same work.</param>
    public async Task<bool> VerifyAsync(string password, string? hash, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            return await Task.Run(() => Matches(password, hash ?? _nobody), cancellationToken) && hash is not null;
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Dispose() => _gate.Dispose();

    private static bool Matches(string password, string hash)
    {
        if (!hash.StartsWith(Prefix, StringComparison.Ordinal) || hash[Prefix.Length..].Split('$') is not [var salt, var expected])
        {
            throw new InvalidOperationException("A stored password hash has an unknown format.");
        }

        var actual = Algorithm.DeriveBytes(password, Convert.FromBase64String(salt), HashBytes);
        return CryptographicOperations.FixedTimeEquals(actual, Convert.FromBase64String(expected));
    }
}
