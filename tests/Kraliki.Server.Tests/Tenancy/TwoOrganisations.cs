using System.Data.Common;
using System.Net.Http.Json;
using System.Text;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Identity;
using Kraliki.Server.Mail;
using Kraliki.Server.Rehearsals;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.Extensions.DependencyInjection;

namespace Kraliki.Server.Tests.Tenancy;

/// <summary>A signed-in person of one of the two organisations.</summary>
/// <param name="Client">Sends the person's access token.</param>
internal sealed record Person(Guid Id, string Email, UserRole Role, HttpClient Client);

/// <summary>
/// A server with an organisation of ours, which has something to hide, and one of theirs, whose administrator is curious.
/// Both stand beside the demo's.
/// </summary>
public sealed class TwoOrganisations : IAsyncLifetime
{
    /// <summary>Part of every name, address and text of ours; an answer to them that holds it has leaked.</summary>
    public const string Marker = "lynx";

    private readonly Dictionary<UserRole, Person> _our = [];
    private string _passwordHash = "";
    private int _people;

    public RunningServer Server { get; private set; } = null!;

    public Guid Ours { get; } = Guid.CreateVersion7();

    public Guid Theirs { get; } = Guid.CreateVersion7();

    internal Person Stranger { get; private set; } = null!;

    /// <summary>Administrators of ours whose tokens were good until a moment ago: signed out, deactivated, made a viewer.</summary>
    internal IReadOnlyDictionary<string, Person> Ended { get; private set; } = new Dictionary<string, Person>();

    internal Person Our(UserRole role) => _our[role];

    public async ValueTask InitializeAsync()
    {
        var cancel = TestContext.Current.CancellationToken;
        Server = await RunningServer.StartAsync(cancel);
        await using (var db = System())
        {
            // The demo's password, whose hash is at hand.
            _passwordHash = await db.Set<User>().Where(user => user.Email == RunningServer.Admin).Select(user => user.PasswordHash).SingleAsync(cancel);
            db.Add(new Organisation { Id = Ours, Name = $"{Marker} Ltd", CreatedAt = DateTimeOffset.UnixEpoch.AddYears(100) });
            db.Add(new Organisation { Id = Theirs, Name = "Theirs", CreatedAt = DateTimeOffset.UnixEpoch.AddYears(100) });
            await db.SaveChangesAsync(cancel);
        }

        foreach (var role in Enum.GetValues<UserRole>())
        {
            _our[role] = await JoinAsync(Ours, role, cancel);
        }

        Stranger = await JoinAsync(Theirs, UserRole.Admin, cancel);
        var (signedOut, deactivated, demoted) = (await JoinAsync(Ours, UserRole.Admin, cancel), await JoinAsync(Ours, UserRole.Admin, cancel), await JoinAsync(Ours, UserRole.Admin, cancel));
        await SignOutAsync(signedOut, cancel);
        await ChangeAsync(deactivated, user => user.DeactivatedAt = DateTimeOffset.UnixEpoch, cancel);
        await ChangeAsync(demoted, user => user.Role = UserRole.Viewer, cancel);
        await Server.Services.GetRequiredService<SignIns>().RevokeAccessAsync(demoted.Id, cancel);
        Ended = new Dictionary<string, Person> { ["signed out"] = signedOut, ["deactivated"] = deactivated, ["demoted"] = demoted };
    }

    public ValueTask DisposeAsync() => Server.DisposeAsync();

    /// <summary>One more person, signed in.</summary>
    internal async Task<Person> JoinAsync(Guid organisation, UserRole role, CancellationToken cancellationToken)
    {
        var number = Interlocked.Increment(ref _people);
        var name = organisation == Ours ? Marker : "theirs";
        var user = new User
        {
            Id = Guid.CreateVersion7(),
            OrganisationId = organisation,
            Email = $"{role}{number}@{name}.example".ToLowerInvariant(),
            Name = $"{name} {role} {number}",
            Role = role,
            PasswordHash = _passwordHash,
            CreatedAt = DateTimeOffset.UnixEpoch.AddYears(100),
            EmailVerifiedAt = DateTimeOffset.UnixEpoch.AddYears(100),
            UpdatedAt = DateTimeOffset.UnixEpoch.AddYears(100),
        };
        await using (var db = System())
        {
            db.Add(user);
            await db.SaveChangesAsync(cancellationToken);
        }

        return new Person(user.Id, user.Email, role, await Server.SignInAsync(cancellationToken, user.Email));
    }

    /// <summary>A session of ours.</summary>
    internal async Task<string> SessionAsync(CancellationToken cancellationToken)
    {
        using var answer = await Our(UserRole.Admin).Client.PostAsJsonAsync(
            "api/v1/sessions",
            new CreateSession(PhoneNumber: "+420601000111", Metadata: new Dictionary<string, string> { ["customer"] = $"{Marker} customer" }),
            ContractsJson.Default.CreateSession,
            cancellationToken);
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync(ContractsJson.Default.SessionView, cancellationToken))!.Id.ToString();
    }

    /// <summary>The person's newest sign-in.</summary>
    internal async Task<string> SignInOfAsync(Person person, CancellationToken cancellationToken)
    {
        await using var db = System();
        return (await db.Set<SignIn>().Where(row => row.UserId == person.Id).OrderByDescending(row => row.CreatedAt).Select(row => row.Id).FirstAsync(cancellationToken)).ToString();
    }

    /// <summary>A practice call of ours that is over: one that runs would change rows while the matrix compares them.</summary>
    internal async Task<string> RehearsalAsync(CancellationToken cancellationToken)
    {
        var row = new RehearsalRow
        {
            Id = Guid.CreateVersion7(),
            OrganisationId = Ours,
            Script = "travel",
            Provider = "openai",
            TelephonyProvider = "twilio",
            CreatedAt = DateTimeOffset.UnixEpoch.AddYears(100),
            Status = RehearsalStatus.Failed,
            Failure = $"{Marker} failed.",
        };
        await using var db = System();
        db.Add(row);
        await db.SaveChangesAsync(cancellationToken);
        return row.Id.ToString();
    }

    /// <summary>A mail to somebody of ours.</summary>
    internal async Task<string> MailAsync(CancellationToken cancellationToken)
    {
        var mail = new OutgoingMail
        {
            Id = Guid.CreateVersion7(),
            OrganisationId = Ours,
            To = Our(UserRole.Viewer).Email,
            Subject = $"To {Marker}",
            Text = "",
            CreatedAt = DateTimeOffset.UnixEpoch.AddYears(100),
            NextTryAt = null,
        };
        await using var db = System();
        db.Add(mail);
        await db.SaveChangesAsync(cancellationToken);
        return mail.Id.ToString();
    }

    /// <summary>Every row of ours in every table, as text: what must be the same after a stranger's request.</summary>
    public async Task<string> OurRowsAsync(CancellationToken cancellationToken)
    {
        await using var db = System();
        await db.Database.OpenConnectionAsync(cancellationToken);
        var rows = new StringBuilder();
        foreach (var entity in db.Model.GetEntityTypes().OrderBy(entity => entity.GetTableName(), StringComparer.Ordinal))
        {
            if (OwnerIn(entity, "row") is not { } owner)
            {
                continue;
            }

            await using var command = db.Database.GetDbConnection().CreateCommand();
            command.CommandText = $"SELECT row.* FROM \"{entity.GetTableName()}\" AS row WHERE {owner} = @ours";
            var ours = command.CreateParameter();
            (ours.ParameterName, ours.Value) = ("@ours", Ours);
            command.Parameters.Add(ours);
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                rows.Append(entity.GetTableName()).Append(": ").AppendJoin(" | ", Values(reader)).Append('\n');
            }
        }

        return rows.ToString();
    }

    internal static async Task SignOutAsync(Person person, CancellationToken cancellationToken)
    {
        using var answer = await person.Client.PostAsync("api/v1/auth/logout", content: null, cancellationToken);
        answer.EnsureSuccessStatusCode();
    }

    private async Task ChangeAsync(Person person, Action<User> change, CancellationToken cancellationToken)
    {
        await using var db = System();
        change(await db.Set<User>().SingleAsync(user => user.Id == person.Id, cancellationToken));
        await db.SaveChangesAsync(cancellationToken);
    }

    internal KralikiDb System() => Server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem();

    /// <summary>SQL for the organisation of a row; by way of its parent when it does not say so itself; null when it has none.</summary>
    private static string? OwnerIn(IEntityType entity, string row)
    {
        if (KralikiDb.OwnerOf(entity) is IProperty owner)
        {
            return $"{row}.\"{owner.GetColumnName()}\"";
        }

        return entity.GetForeignKeys().FirstOrDefault(key => KralikiDb.OwnerOf(key.PrincipalEntityType) is not null) is { } parent
            ? $"(SELECT {OwnerIn(parent.PrincipalEntityType, "parent")} FROM \"{parent.PrincipalEntityType.GetTableName()}\" AS parent "
                + $"WHERE parent.\"{parent.PrincipalKey.Properties[0].GetColumnName()}\" = {row}.\"{parent.Properties[0].GetColumnName()}\")"
            : null;
    }

    private static IEnumerable<string> Values(DbDataReader reader) => Enumerable.Range(0, reader.FieldCount)
        .Select(i => reader.GetValue(i) is byte[] bytes ? Convert.ToHexString(bytes) : Convert.ToString(reader.GetValue(i), global::System.Globalization.CultureInfo.InvariantCulture)!);
}
