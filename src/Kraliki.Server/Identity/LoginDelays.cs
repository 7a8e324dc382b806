using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Kraliki.Server.Identity;

/// <summary>How often somebody was wrong lately, as one of the rules of <see cref="LoginDelays"/> counts it.</summary>
public sealed class LoginFailures
{
    /// <summary>Keyed hash of rule, account and address: what people type into the wrong field is not to be found in the database.</summary>
    public required byte[] Id { get; init; }

    public required int Failures { get; init; }

    public required DateTimeOffset LastAt { get; init; }

    /// <summary>Ticks after which one failure is forgotten.</summary>
    public required long ForgottenAfter { get; init; }
}

/// <summary>
/// Makes guessing slow. Wrong passwords are counted by account and address together, by account over all addresses, and by
/// address over all accounts; after some free tries each count closes the door for 1, 2, 4 … seconds. Kept in the database:
/// shared by all nodes, and a restart forgives nothing. Accounts that do not exist are counted alike. Safe from any thread.
/// </summary>
/// <remarks>
/// The first rule stops the single guesser and touches nobody else. The second stops one who has many addresses; it is patient
/// enough that others' typing errors do not lock a person out, and a sign-in from elsewhere is delayed by at most 15 minutes.
/// The third stops one who tries one password on many accounts; an office behind one address stays below it.
/// </remarks>
internal sealed class LoginDelays(KralikiDbFactory databases, MasterKey master, TimeProvider time)
{
    private static readonly Rule AccountAtAddress = new("account and address", FreeTries: 3, Longest: TimeSpan.FromMinutes(1), ForgottenAfter: TimeSpan.FromMinutes(5));
    private static readonly Rule Account = new("account", FreeTries: 20, Longest: TimeSpan.FromMinutes(15), ForgottenAfter: TimeSpan.FromMinutes(30));
    private static readonly Rule Address = new("address", FreeTries: 50, Longest: TimeSpan.FromMinutes(15), ForgottenAfter: TimeSpan.FromMinutes(1));

    /// <summary>After this long every count has come down to nothing.</summary>
    public static readonly TimeSpan Memory = TimeSpan.FromDays(7);

    private readonly byte[] _key = master.Derive("login-failures");

    /// <summary>429 with the seconds to wait.</summary>
    public static IResult Refusal(HttpContext http, TimeSpan wait)
    {
        var seconds = (int)Math.Ceiling(wait.TotalSeconds);
        http.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        return Problems.Result(429, "too_many_attempts", $"Too many wrong passwords; try again in {seconds} s.");
    }

    /// <returns>Zero when a try is welcome now.</returns>
    public async Task<TimeSpan> RemainingAsync(string email, string address, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var rules = Rules(email, address);
        var ids = rules.ConvertAll(rule => rule.Id);
        await using var db = databases.OpenForSystem();
        var rows = await db.Set<LoginFailures>().AsNoTracking().Where(row => ids.Contains(row.Id)).ToListAsync(cancellationToken);
        return rows.Select(row => rules.First(rule => rule.Id.AsSpan().SequenceEqual(row.Id)).Rule.Remaining(row, now)).Append(TimeSpan.Zero).Max();
    }

    public async Task FailedAsync(string email, string address, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow().UtcTicks;

        // In one order everywhere, so that two nodes that write the same rows wait for each other instead of for ever.
        var rules = Rules(email, address).OrderBy(rule => Convert.ToHexString(rule.Id), StringComparer.Ordinal).ToList();
        var ((a, ruleA), (b, ruleB), (c, ruleC)) = (rules[0], rules[1], rules[2]);
        await using var db = databases.OpenForSystem();
        await db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO login_failures (id, failures, last_at, forgotten_after)
            VALUES ({a}, 1, {now}, {ruleA.ForgottenAfter.Ticks}), ({b}, 1, {now}, {ruleB.ForgottenAfter.Ticks}), ({c}, 1, {now}, {ruleC.ForgottenAfter.Ticks})
            ON CONFLICT (id) DO UPDATE SET
              last_at = excluded.last_at,
              failures = 1 + CASE
                WHEN login_failures.failures > (excluded.last_at - login_failures.last_at) / login_failures.forgotten_after
                THEN login_failures.failures - (excluded.last_at - login_failures.last_at) / login_failures.forgotten_after
                ELSE 0 END
            """,
            cancellationToken);
    }

    /// <summary>The person has proved to be the owner: nothing is held against the account any more.</summary>
    public async Task SucceededAsync(string email, string address, CancellationToken cancellationToken)
    {
        var ids = Rules(email, address).Where(rule => rule.Rule != Address).Select(rule => rule.Id).ToList();
        await using var db = databases.OpenForSystem();
        await db.Set<LoginFailures>().Where(row => ids.Contains(row.Id)).ExecuteDeleteAsync(cancellationToken);
    }

    private List<(byte[] Id, Rule Rule)> Rules(string email, string address) =>
        [Named(AccountAtAddress, email, address), Named(Account, email, ""), Named(Address, "", address)];

    private (byte[] Id, Rule Rule) Named(Rule rule, string email, string address) =>
        (HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes($"{rule.Name}\0{email}\0{address}")), rule);

    private sealed record Rule(string Name, int FreeTries, TimeSpan Longest, TimeSpan ForgottenAfter)
    {
        public TimeSpan Remaining(LoginFailures row, DateTimeOffset now)
        {
            var failures = row.Failures - ((now - row.LastAt).Ticks / ForgottenAfter.Ticks);
            if (failures < FreeTries)
            {
                return TimeSpan.Zero;
            }

            var delay = TimeSpan.FromSeconds(Math.Min(Longest.TotalSeconds, Math.Pow(2, failures - FreeTries)));
            return row.LastAt + delay - now;
        }
    }
}

internal sealed class LoginFailuresConfiguration : IEntityTypeConfiguration<LoginFailures>
{
    public void Configure(EntityTypeBuilder<LoginFailures> builder)
    {
        builder.ToTable("login_failures");
        builder.Property(row => row.Id).HasMaxLength(HMACSHA256.HashSizeInBytes);
    }
}
