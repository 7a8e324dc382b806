using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Kraliki.Server.Hosting;
using NSec.Cryptography;

namespace Kraliki.Server.Identity;

internal enum PasswordMatch
{
    Wrong,
    Right,

    /// <summary>Right, but the stored hash is cheaper than the settings ask for: hash it anew while the password is at hand.</summary>
    RightButCheap,
}

/// <summary>
/// Argon2id (<see cref="Argon2Options"/>, 1 lane) in the PHC string format, which keeps the cost of each hash beside it:
/// stronger settings never lose an old hash. Safe from any thread.
/// </summary>
internal sealed partial class PasswordHashes : IDisposable
{
    private const int SaltBytes = 16;
    private const int HashBytes = 32;

    // Argon2 (RFC 9106 §3.1) wants at least 8 KiB for a lane.
    private const int LeastKiB = 8;

    private readonly Argon2Options _cost;
    private readonly Histogram<double> _duration;

    // A hash takes a core for tens of milliseconds and its memory: a crowd signing in must queue here, not starve the calls.
    private readonly SemaphoreSlim _gate = new(Math.Max(1, Environment.ProcessorCount / 2));

    // What an unknown account is compared with, so that its answer takes as long as a wrong password's.
    private readonly string _nobody;

    public PasswordHashes(KralikiOptions options, IMeterFactory meters)
    {
        _cost = options.Identity.Argon2;
        _duration = meters.Create("Kraliki.Identity").CreateHistogram<double>(
            "kraliki.identity.password_hash.duration", unit: "s", description: "Time of one Argon2id computation, without the wait for its turn.");
        _nobody = Format(_cost, RandomNumberGenerator.GetBytes(SaltBytes), RandomNumberGenerator.GetBytes(HashBytes));
    }

    public async Task<string> HashAsync(string password, CancellationToken cancellationToken)
    {
        var salt = RandomNumberGenerator.GetBytes(SaltBytes);
        return Format(_cost, salt, await ComputeAsync(password, salt, _cost, more: null, cancellationToken));
    }

    /// <param name="hash">Null for an account that does not exist: wrong, after the same work.</param>
    public async Task<PasswordMatch> VerifyAsync(string password, string? hash, CancellationToken cancellationToken)
    {
        var match = Phc().Match(hash ?? _nobody);
        if (!match.Success)
        {
            throw new InvalidOperationException("A stored password hash has an unknown format.");
        }

        var cost = new Argon2Options(Number(match, "memory"), Number(match, "passes"));
        var actual = await ComputeAsync(password, Convert.FromBase64String(match.Groups["salt"].Value), cost, Missing(cost, _cost), cancellationToken);
        if (!CryptographicOperations.FixedTimeEquals(actual, Convert.FromBase64String(match.Groups["hash"].Value)) || hash is null)
        {
            return PasswordMatch.Wrong;
        }

        return cost.MemoryKiB < _cost.MemoryKiB || cost.Passes < _cost.Passes ? PasswordMatch.RightButCheap : PasswordMatch.Right;
    }

    public void Dispose() => _gate.Dispose();

    /// <summary>The work (memory times passes) that a hash of the asked cost takes more than the stored one; null for none.</summary>
    internal static Argon2Options? Missing(Argon2Options stored, Argon2Options asked)
    {
        var work = ((long)asked.MemoryKiB * asked.Passes) - ((long)stored.MemoryKiB * stored.Passes);
        return work >= (long)asked.Passes * LeastKiB ? new((int)(work / asked.Passes), asked.Passes) : null;
    }

    private static int Number(Match match, string group) => int.Parse(match.Groups[group].ValueSpan, CultureInfo.InvariantCulture);

    private static string Format(Argon2Options cost, byte[] salt, byte[] hash) =>
        string.Create(CultureInfo.InvariantCulture, $"$argon2id$v=19$m={cost.MemoryKiB},t={cost.Passes},p=1${Convert.ToBase64String(salt)}${Convert.ToBase64String(hash)}");

    [GeneratedRegex(@"^\$argon2id\$v=19\$m=(?<memory>\d{1,9}),t=(?<passes>\d{1,5}),p=1\$(?<salt>[^$]+)\$(?<hash>[^$]+)$")]
    private static partial Regex Phc();

    /// <param name="more">
    /// Work to be done besides, in the same turn: a hash from before the settings were raised must take as long as an account
    /// that does not exist, or the time would tell which addresses have one.
    /// </param>
    private async Task<byte[]> ComputeAsync(string password, byte[] salt, Argon2Options cost, Argon2Options? more, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            return await Task.Run(
                () =>
                {
                    var hash = Derive(password, salt, cost);
                    if (more is not null)
                    {
                        Derive(password, salt, more);
                    }

                    return hash;
                },
                cancellationToken);
        }
        finally
        {
            _gate.Release();
        }
    }

    private byte[] Derive(string password, byte[] salt, Argon2Options cost)
    {
        var began = Stopwatch.GetTimestamp();
        var hash = new Argon2id(new Argon2Parameters { MemorySize = cost.MemoryKiB, NumberOfPasses = cost.Passes, DegreeOfParallelism = 1 })
            .DeriveBytes(password, salt, HashBytes);
        _duration.Record(Stopwatch.GetElapsedTime(began).TotalSeconds);
        return hash;
    }
}
