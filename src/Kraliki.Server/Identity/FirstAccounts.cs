using System.Security.Cryptography;
using System.Text.Json;
using Kraliki.Contracts;
using Kraliki.Server.Assistants;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Identity;

/// <summary>What stands in the credentials file.</summary>
/// <param name="Url">The console's address at the last start; empty until the first one was complete.</param>
public sealed record FirstCredentials(string Url, string Password, IReadOnlyList<string> Users);

/// <summary>
/// The accounts that exist before anybody could create one: three demo users in demo mode, one administrator otherwise.
/// They share one generated password, which stays the same over restarts and stands in a file that only its owner can read.
/// </summary>
internal sealed class FirstAccounts(KralikiOptions options, KralikiDbFactory databases, PasswordHashes passwords, SignIns signIns, PublicUrls urls, TextWriter terminal, TimeProvider time)
{
    /// <summary>The organisation that unassigned carrier calls belong to.</summary>
    public static readonly Guid OrganisationId = new("01900000-0000-7000-8000-000000000001");

    // Letters and digits that cannot be mistaken for each other; 20 of them are 98 bits.
    private const string Alphabet = "abcdefghjkmnpqrstuvwxyz23456789";
    private const int PasswordLength = 20;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
    };

    private static readonly (string Email, string Name, UserRole Role)[] DemoUsers =
    [
        ("admin@demo.example", "Ada Admin", UserRole.Admin),
        ("supervisor@demo.example", "Sam Supervisor", UserRole.Supervisor),
        ("operator@demo.example", "Olga Operator", UserRole.Agent),
    ];

    private static readonly (string Email, string Name, UserRole Role)[] Administrator = [("admin@kraliki.example", "Administrator", UserRole.Admin)];

    /// <summary>Null when the accounts were there already and are nobody's first any more.</summary>
    public FirstCredentials? Credentials { get; private set; }

    private string File => Path.Combine(options.DataDirectory, options.Demo ? "demo-credentials.json" : "admin-credentials.json");

    public async Task EnsureAsync(CancellationToken cancellationToken)
    {
        await using var db = databases.OpenForSystem();
        var accounts = options.Demo ? DemoUsers : Administrator;
        var emails = accounts.Select(account => account.Email).ToList();
        if (!options.Demo)
        {
            await CloseDemoAsync(db, cancellationToken);
            if (await db.Set<User>().AnyAsync(user => user.OrganisationId == OrganisationId && user.Role == UserRole.Admin && user.DeactivatedAt == null, cancellationToken))
            {
                return;
            }
        }

        var users = await db.Set<User>().Where(user => emails.Contains(user.Email)).ToListAsync(cancellationToken);

        var kept = await ReadAsync(cancellationToken);
        var password = kept?.Password ?? RandomNumberGenerator.GetString(Alphabet, PasswordLength);
        if (!await db.Set<Organisation>().AnyAsync(organisation => organisation.Id == OrganisationId, cancellationToken))
        {
            var organisation = new Organisation { Id = OrganisationId, Name = options.Demo ? "Kraliki Demo" : "Kraliki", CreatedAt = time.GetUtcNow() };
            db.Add(organisation);
            DefaultAssistant.AddTo(db, organisation);
        }

        foreach (var (email, name, role) in accounts)
        {
            var user = users.Find(user => user.Email == email);
            if (user is null)
            {
                db.Add(new User
                {
                    Id = Guid.CreateVersion7(),
                    OrganisationId = OrganisationId,
                    Email = email,
                    Name = name,
                    Role = role,
                    PasswordHash = await passwords.HashAsync(password, cancellationToken),
                    CreatedAt = time.GetUtcNow(),
                    UpdatedAt = time.GetUtcNow(),
                    EmailVerifiedAt = time.GetUtcNow(),
                });
            }
            else
            {
                // The file is what people read; when it was deleted or changed, or the account was closed, the account follows it.
                user.DeactivatedAt = null;
                if (kept is null || await passwords.VerifyAsync(password, user.PasswordHash, cancellationToken) == PasswordMatch.Wrong)
                {
                    user.PasswordHash = await passwords.HashAsync(password, cancellationToken);
                }
            }
        }

        Credentials = new(Url: "", password, emails);
        if (kept is null)
        {
            // Before its hash is: a process that is killed in between must not leave a password that nobody was told.
            await WriteAsync(Credentials, cancellationToken);
        }

        await db.SaveChangesAsync(cancellationToken);
    }

    /// <summary>What ran as a demo runs in earnest now: accounts that share a password of a file must not open it.</summary>
    private async Task CloseDemoAsync(KralikiDb db, CancellationToken cancellationToken)
    {
        var emails = DemoUsers.Select(user => user.Email).ToList();
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var open = await db.Set<User>().Where(user => emails.Contains(user.Email) && user.OrganisationId == OrganisationId && user.DeactivatedAt == null).ToListAsync(cancellationToken);
        open.ForEach(user => user.DeactivatedAt = time.GetUtcNow());
        await db.SaveChangesAsync(cancellationToken);
        foreach (var user in open)
        {
            // Nobody is connected yet who would have to be told.
            await signIns.EndAllAsync(db, user.Id, SignInEnd.Deactivated, except: null, cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
    }

    /// <summary>Called once the server listens: its address is known only now.</summary>
    public async Task AnnounceAsync(CancellationToken cancellationToken)
    {
        if (Credentials is null)
        {
            return;
        }

        Credentials = Credentials with { Url = urls.Origin };
        await WriteAsync(Credentials, cancellationToken);
        await terminal.WriteLineAsync(
            $"""

              Kraliki is ready{(options.Demo ? " in demo mode: simulators stand in for what has no key" : "")}.

                Console    {Credentials.Url}
                Sign in as {string.Join("\n           or  ", Credentials.Users)}
                Password   {Credentials.Password}

              Kept in {File}

            """);
    }

    private async Task<FirstCredentials?> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            await using var stream = System.IO.File.OpenRead(File);
            var kept = await JsonSerializer.DeserializeAsync<FirstCredentials>(stream, Json, cancellationToken);
            return kept is { Password.Length: > 0 } ? kept : null;
        }
        catch (FileNotFoundException)
        {
            return null;
        }
        catch (JsonException)
        {
            throw new StartRefusedException($"{File} is not readable JSON; delete it and a new password is made at the next start.");
        }
    }

    private async Task WriteAsync(FirstCredentials credentials, CancellationToken cancellationToken)
    {
        // Beside the file and then over it: it is never half written, and never readable to others for a moment.
        var draft = File + ".new";
        var how = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            how.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        System.IO.File.Delete(draft);
        await using (var stream = new FileStream(draft, how))
        {
            await JsonSerializer.SerializeAsync(stream, credentials, Json, cancellationToken);
            stream.Flush(flushToDisk: true);
        }

        System.IO.File.Move(draft, File, overwrite: true);
    }
}
