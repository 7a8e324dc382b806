using System.Data.Common;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.RegularExpressions;
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
internal sealed record Person(Guid Id, Guid Organisation, string Email, string Password, HttpClient Client);

/// <summary>
/// A server with an organisation of ours, which has something to hide, and one of theirs, whose administrator is curious.
/// Both stand beside the demo's.
/// </summary>
public sealed partial class TwoOrganisations : IAsyncLifetime
{
    /// <summary>Part of every name, address and text of ours; an answer to them that holds it has leaked.</summary>
    public const string Marker = "lynx";

    private const string Password = "tapir velvet lantern";

    private readonly Dictionary<UserRole, Person> _our = [];
    private int _people;

    public RunningServer Server { get; private set; } = null!;

    public Guid Ours => Our(UserRole.Admin).Organisation;

    /// <summary>The administrator of theirs.</summary>
    internal Person Stranger { get; private set; } = null!;

    /// <summary>Administrators of ours whose tokens were good until a moment ago: signed out, deactivated, made a viewer.</summary>
    internal IReadOnlyDictionary<string, Person> Ended { get; private set; } = new Dictionary<string, Person>();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    internal Person Our(UserRole role) => _our[role];

    public async ValueTask InitializeAsync()
    {
        Server = await RunningServer.StartAsync(Cancel);
        _our[UserRole.Admin] = await FoundAsync(Marker);
        Stranger = await FoundAsync("theirs");
        foreach (var role in (UserRole[])[UserRole.Supervisor, UserRole.Agent, UserRole.Viewer])
        {
            _our[role] = await JoinAsync(role);
        }

        var (signedOut, deactivated, demoted) = (await JoinAsync(UserRole.Admin), await JoinAsync(UserRole.Admin), await JoinAsync(UserRole.Admin));
        await SignOutAsync(signedOut);
        await ChangeAsync(deactivated, new UpdateUser(Active: false));
        await ChangeAsync(demoted, new UpdateUser(Role: UserRole.Viewer));
        Ended = new Dictionary<string, Person> { ["signed out"] = signedOut, ["deactivated"] = deactivated, ["demoted"] = demoted };
    }

    public ValueTask DisposeAsync() => Server.DisposeAsync();

    /// <summary>A new organisation with its first administrator, signed in.</summary>
    internal async Task<Person> FoundAsync(string organisation)
    {
        var (name, email) = NewName(organisation);
        await RegisterAsync(new RegisterRequest(name, Password, email, $"{organisation} Ltd"));
        using var client = Server.Anonymous();
        using var verified = await client.PostAsJsonAsync(
            "api/v1/auth/verify-email", new MailTokenRequest(await TokenOfMailAsync(email)), ContractsJson.Default.MailTokenRequest, Cancel);
        verified.EnsureSuccessStatusCode();
        return await SignInAsync(email);
    }

    /// <summary>One more person of ours, signed in.</summary>
    internal Task<Person> JoinAsync(UserRole role) => JoinAsync(Our(UserRole.Admin), role);

    /// <summary>One more person of the organisation of this administrator, signed in.</summary>
    internal async Task<Person> JoinAsync(Person administrator, UserRole role)
    {
        var (name, email) = NewName(administrator.Email.Split('@')[1].Split('.')[0]);
        using var invited = await administrator.Client.PostAsJsonAsync("api/v1/users", new InviteUser(email, role), ContractsJson.Default.InviteUser, Cancel);
        invited.EnsureSuccessStatusCode();
        await RegisterAsync(new RegisterRequest(name, Password, InvitationToken: await TokenOfMailAsync(email)));
        return await SignInAsync(email);
    }

    internal static async Task SignOutAsync(Person person)
    {
        using var answer = await person.Client.PostAsync("api/v1/auth/logout", content: null, Cancel);
        answer.EnsureSuccessStatusCode();
    }

    /// <summary>The token in the link of the newest mail to this address.</summary>
    internal async Task<string> TokenOfMailAsync(string email)
    {
        using var client = Server.Anonymous();
        var mails = await client.GetFromJsonAsync($"api/v1/mailbox?limit=1&to={Uri.EscapeDataString(email)}", ContractsJson.Default.PageMailView, Cancel);
        return Token().Match(Assert.Single(mails!.Items).Text).Groups[1].Value;
    }

    /// <summary>A session of ours.</summary>
    internal async Task<string> SessionAsync()
    {
        using var answer = await Our(UserRole.Admin).Client.PostAsJsonAsync(
            "api/v1/sessions",
            new CreateSession(PhoneNumber: "+420601000111", Metadata: new Dictionary<string, string> { ["customer"] = $"{Marker} customer" }),
            ContractsJson.Default.CreateSession,
            Cancel);
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync(ContractsJson.Default.SessionView, Cancel))!.Id.ToString();
    }

    /// <summary>An assistant of ours.</summary>
    internal async Task<string> AssistantAsync()
    {
        using var answer = await Our(UserRole.Admin).Client.PostAsJsonAsync(
            "api/v1/assistants", new SaveAssistant(new AssistantContent($"{Marker} desk", $"You work for {Marker}.")), ContractsJson.Default.SaveAssistant, Cancel);
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync(ContractsJson.Default.AssistantView, Cancel))!.Id.ToString();
    }

    /// <summary>Somebody of ours whom nobody needs.</summary>
    internal async Task<string> MemberAsync() => (await JoinAsync(UserRole.Agent)).Id.ToString();

    /// <summary>An open invitation of ours.</summary>
    internal async Task<string> InvitationAsync()
    {
        using var answer = await Our(UserRole.Admin).Client.PostAsJsonAsync("api/v1/users", new InviteUser(NewName(Marker).Email, UserRole.Agent), ContractsJson.Default.InviteUser, Cancel);
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync(ContractsJson.Default.InvitationView, Cancel))!.Id.ToString();
    }

    /// <summary>The person's newest sign-in.</summary>
    internal async Task<string> SignInOfAsync(Person person)
    {
        await using var db = System();
        return (await db.Set<SignIn>().Where(row => row.UserId == person.Id).OrderByDescending(row => row.CreatedAt).Select(row => row.Id).FirstAsync(Cancel)).ToString();
    }

    /// <summary>A practice call of ours that is over: one that runs would change rows while the matrix compares them.</summary>
    internal async Task<string> RehearsalAsync()
    {
        var row = new RehearsalRow
        {
            Id = Guid.CreateVersion7(),
            OrganisationId = Ours,
            Script = "travel",
            Provider = "openai",
            TelephonyProvider = "twilio",
            CreatedAt = DateTimeOffset.UnixEpoch.AddYears(100),
            UpdatedAt = DateTimeOffset.UnixEpoch.AddYears(100),
            Status = RehearsalStatus.Failed,
            Failure = $"{Marker} failed.",
        };
        await using var db = System();
        db.Add(row);
        await db.SaveChangesAsync(Cancel);
        return row.Id.ToString();
    }

    /// <summary>A mail to somebody of ours.</summary>
    internal async Task<string> MailAsync()
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
        await db.SaveChangesAsync(Cancel);
        return mail.Id.ToString();
    }

    /// <summary>Every row of ours in every table, as text: what must be the same after a stranger's request.</summary>
    public async Task<string> OurRowsAsync()
    {
        await using var db = System();
        await db.Database.OpenConnectionAsync(Cancel);
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
            await using var reader = await command.ExecuteReaderAsync(Cancel);
            while (await reader.ReadAsync(Cancel))
            {
                rows.Append(entity.GetTableName()).Append(": ").AppendJoin(" | ", Values(reader)).Append('\n');
            }
        }

        return rows.ToString();
    }

    internal KralikiDb System() => Server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem();

    private (string Name, string Email) NewName(string organisation)
    {
        var number = ++_people;
        return ($"{organisation} person {number}", $"person{number}@{organisation}.example");
    }

    private async Task RegisterAsync(RegisterRequest request)
    {
        using var client = Server.Anonymous();
        using var answer = await client.PostAsJsonAsync("api/v1/auth/register", request, ContractsJson.Default.RegisterRequest, Cancel);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(Cancel));
    }

    private async Task<Person> SignInAsync(string email)
    {
        var client = Server.Anonymous();
        using var answer = await client.PostAsJsonAsync("api/v1/auth/login", new LoginRequest(email, Password, TokenTransport.Body), ContractsJson.Default.LoginRequest, Cancel);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(Cancel));
        var login = await answer.Content.ReadFromJsonAsync(ContractsJson.Default.LoginResponse, Cancel);
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", login!.AccessToken);
        return new Person(login.User.Id, login.User.OrganisationId, email, Password, client);
    }

    private async Task ChangeAsync(Person person, UpdateUser change)
    {
        using var request = new HttpRequestMessage(HttpMethod.Patch, $"api/v1/users/{person.Id}") { Content = JsonContent.Create(change, ContractsJson.Default.UpdateUser) };
        request.Headers.IfMatch.Add(EntityTagHeaderValue.Any);
        using var answer = await Our(UserRole.Admin).Client.SendAsync(request, Cancel);
        answer.EnsureSuccessStatusCode();
    }

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

    [GeneratedRegex(@"token=([\w-]+)")]
    private static partial Regex Token();
}
