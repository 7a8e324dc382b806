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

    public required int Failures { get; set; }

    public required DateTimeOffset LastAt { get; set; }

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
/// One address adds at most five failures to it, then one in two hours, which is forgotten faster than it is added: it takes
/// four addresses to close an account to others.
/// The third stops one who tries one password on many accounts; an office behind one address stays below it.
/// A try is counted as a failure before the password is looked at and taken back when it was right: of many at once only as
/// many get through as one after the other would.
/// </remarks>
internal sealed class LoginDelays(KralikiDbFactory databases, MasterKey master, TimeProvider time)
{
    private static readonly Rule AccountAtAddress = new("account and address", FreeTries: 3, Longest: TimeSpan.FromMinutes(1), ForgottenAfter: TimeSpan.FromMinutes(5));
    private static readonly Rule Account = new("account", FreeTries: 20, Longest: TimeSpan.FromMinutes(15), ForgottenAfter: TimeSpan.FromMinutes(30));
    private static readonly Rule Address = new("address", FreeTries: 50, Longest: TimeSpan.FromMinutes(15), ForgottenAfter: TimeSpan.FromMinutes(1));

    // Not a rule that closes a door: how much of the account's count comes from one address.
    private static readonly Rule Share = new("share", FreeTries: 5, Longest: TimeSpan.Zero, ForgottenAfter: TimeSpan.FromHours(2));

    /// <summary>After this long every count has come down to nothing.</summary>
    public static readonly TimeSpan Memory = TimeSpan.FromDays(7);

    private readonly byte[] _key = master.Derive("login-failures");

    // Tries of one account from one address come one after the other on a node: a person with several windows must not be
    // refused for tries that are under way. Who waits is a request that the rate limit has let in; 64 turns, because accounts
    // that share one merely wait for each other.
    private readonly SemaphoreSlim[] _turns = [.. Enumerable.Range(0, 64).Select(_ => new SemaphoreSlim(1))];

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

    /// <summary>
    /// Ask before looking at a password. The try counts as a failure from now on, also when its caller goes away;
    /// <see cref="LoginAttempt.SucceededAsync"/> takes that back.
    /// </summary>
    public async Task<LoginAttempt> BeginAsync(string email, string address, CancellationToken cancellationToken)
    {
        // A flood of refused tries only reads.
        if (await RemainingAsync(email, address, cancellationToken) is { Ticks: > 0 } wait)
        {
            return new(wait);
        }

        var turn = _turns[Named(AccountAtAddress, email, address).Id[0] % _turns.Length];
        await turn.WaitAsync(cancellationToken);
        LoginAttempt? attempt = null;
        try
        {
            return attempt = await CountAsync(email, address, turn, cancellationToken);
        }
        finally
        {
            if (attempt is not { Wait: null })
            {
                turn.Release();
            }
        }
    }

    /// <summary>The person has proved to be the owner: nothing is held against the account any more.</summary>
    public async Task SucceededAsync(string email, string address, CancellationToken cancellationToken)
    {
        List<(byte[] Id, Rule Rule)> forgiven = [Named(AccountAtAddress, email, address), Named(Account, email, ""), Named(Share, email, address)];
        await using var db = databases.OpenForSystem();
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        foreach (var (id, _) in InLockOrder(forgiven))
        {
            await db.Set<LoginFailures>().Where(row => row.Id == id).ExecuteDeleteAsync(cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
    }

    private async Task<LoginAttempt> CountAsync(string email, string address, SemaphoreSlim turn, CancellationToken cancellationToken)
    {
        var share = Named(Share, email, address);
        var rules = Rules(email, address).Append(share).ToList();
        await using var db = databases.OpenForSystem();
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        await LockAsync(db, rules, cancellationToken);
        var ids = rules.ConvertAll(rule => rule.Id);
        var stored = await db.Set<LoginFailures>().Where(row => ids.Contains(row.Id)).ToListAsync(cancellationToken);
        var rows = rules.ToDictionary(rule => rule.Rule, rule => stored.First(row => rule.Id.AsSpan().SequenceEqual(row.Id)));
        var now = time.GetUtcNow();
        var wait = rows.Max(row => row.Key.Remaining(row.Value, now));
        if (wait > TimeSpan.Zero)
        {
            return new(wait);
        }

        var before = rows[Address];
        var (failures, lastAt) = (before.Failures, before.LastAt);
        var sharesLeft = Share.Left(rows[Share], now) < Share.FreeTries;
        foreach (var (rule, row) in rows)
        {
            if (sharesLeft || (rule != Share && rule != Account))
            {
                row.Failures = rule.Left(row, now) + 1;
                row.LastAt = now;
            }
        }

        await db.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        var (added, later) = (before.Failures - failures, before.LastAt - lastAt);
        return new(turn, () => TakeBackAsync(email, address, added, later));
    }

    /// <summary>In one order everywhere, so that two nodes that write the same rows wait for each other instead of for ever.</summary>
    private static List<(byte[] Id, Rule Rule)> InLockOrder(List<(byte[] Id, Rule Rule)> rules) =>
        [.. rules.OrderBy(rule => Convert.ToHexString(rule.Id), StringComparer.Ordinal)];

    /// <summary>Makes the rows that are missing and holds all of them until the transaction ends.</summary>
    private async Task LockAsync(KralikiDb db, List<(byte[] Id, Rule Rule)> rules, CancellationToken cancellationToken)
    {
        var ordered = InLockOrder(rules);
        var ((a, ruleA), (b, ruleB), (c, ruleC), (d, ruleD)) = (ordered[0], ordered[1], ordered[2], ordered[3]);
        var now = time.GetUtcNow().UtcTicks;
        await db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO login_failures (id, failures, last_at, forgotten_after)
            VALUES ({a}, 0, {now}, {ruleA.ForgottenAfter.Ticks}), ({b}, 0, {now}, {ruleB.ForgottenAfter.Ticks}),
              ({c}, 0, {now}, {ruleC.ForgottenAfter.Ticks}), ({d}, 0, {now}, {ruleD.ForgottenAfter.Ticks})
            ON CONFLICT (id) DO UPDATE SET failures = login_failures.failures
            """,
            cancellationToken);
    }

    private async Task TakeBackAsync(string email, string address, int added, TimeSpan later)
    {
        // The person is in: a client that is gone must not leave a failure behind that was none.
        await SucceededAsync(email, address, CancellationToken.None);

        // By difference: others have counted at this address meanwhile, or taken theirs back.
        var id = Named(Address, "", address).Id;
        await using var db = databases.OpenForSystem();
        await db.Database.ExecuteSqlAsync(
            $"UPDATE login_failures SET failures = failures - {added}, last_at = last_at - {later.Ticks} WHERE id = {id}", CancellationToken.None);
    }

    private List<(byte[] Id, Rule Rule)> Rules(string email, string address) =>
        [Named(AccountAtAddress, email, address), Named(Account, email, ""), Named(Address, "", address)];

    private (byte[] Id, Rule Rule) Named(Rule rule, string email, string address) =>
        (HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes($"{rule.Name}\0{email}\0{address}")), rule);

    private sealed record Rule(string Name, int FreeTries, TimeSpan Longest, TimeSpan ForgottenAfter)
    {
        public TimeSpan Remaining(LoginFailures row, DateTimeOffset now)
        {
            var failures = Left(row, now);
            if (failures < FreeTries)
            {
                return TimeSpan.Zero;
            }

            var delay = TimeSpan.FromSeconds(Math.Min(Longest.TotalSeconds, Math.Pow(2, failures - FreeTries)));
            return row.LastAt + delay - now;
        }

        public int Left(LoginFailures row, DateTimeOffset now) => (int)Math.Max(0, row.Failures - ((now - row.LastAt).Ticks / ForgottenAfter.Ticks));
    }
}

/// <summary>One try at a password; disposed when its outcome is known. Then the next of the same account and address may begin.</summary>
internal sealed class LoginAttempt : IDisposable
{
    private readonly SemaphoreSlim? _turn;
    private readonly Func<Task>? _takeBack;

    public LoginAttempt(TimeSpan wait) => Wait = wait;

    public LoginAttempt(SemaphoreSlim turn, Func<Task> takeBack) => (_turn, _takeBack) = (turn, takeBack);

    /// <summary>How long nobody may try; null when this try is welcome.</summary>
    public TimeSpan? Wait { get; }

    /// <summary>The person has proved to be the owner: nothing is held against the account any more.</summary>
    public Task SucceededAsync() => _takeBack?.Invoke() ?? throw new InvalidOperationException("This try was refused.");

    public void Dispose() => _turn?.Release();
}

internal sealed class LoginFailuresConfiguration : IEntityTypeConfiguration<LoginFailures>
{
    public void Configure(EntityTypeBuilder<LoginFailures> builder)
    {
        builder.ToTable("login_failures");
        builder.Property(row => row.Id).HasMaxLength(HMACSHA256.HashSizeInBytes);
    }
}
