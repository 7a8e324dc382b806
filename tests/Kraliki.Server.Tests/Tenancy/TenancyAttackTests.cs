using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Kraliki.Contracts;
using Kraliki.Server.Sessions.Journal;
using Kraliki.Server.Tests.Sessions;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Tests.Tenancy;

/// <summary>What another organisation's administrator tries with what is ours besides asking for it by its address (that is <see cref="TenantMatrix"/>).</summary>
public sealed class TenancyAttackTests(TwoOrganisations world) : IClassFixture<TwoOrganisations>, IAsyncLifetime
{
    private string _session = "";
    private string _rehearsal = "";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private HttpClient Us => world.Our(UserRole.Admin).Client;

    private HttpClient Them => world.Stranger.Client;

    public async ValueTask InitializeAsync()
    {
        _session = await world.SessionAsync();
        _rehearsal = await world.RehearsalAsync();
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Theory]
    [InlineData("limit=200")]
    [InlineData("q=%2B420601000111")]
    [InlineData("updated_since=2000-01-01T00:00:00Z")]
    [InlineData("created_after=2000-01-01T00:00:00Z&created_before=2100-01-01T00:00:00Z")]
    [InlineData("state=created&provider=local&telephony_provider=twilio")]
    [InlineData("organisation_id={ours}&organisation={ours}&org={ours}")]
    [InlineData("q=%25")]
    [InlineData("q=' OR 1=1 --")]
    public async Task No_filter_of_the_session_list_brings_them_a_session_of_ours(string filter)
    {
        var text = await Them.GetStringAsync($"api/v1/sessions?{filter.Replace("{ours}", world.Ours.ToString(), StringComparison.Ordinal)}", Cancel);
        AssertNothingOfOurs(text);
    }

    [Fact]
    public async Task Ids_of_ours_in_a_body_or_header_make_something_of_theirs_and_leave_ours_alone()
    {
        var before = await world.OurRowsAsync();
        using var request = Post("api/v1/sessions", $$$"""
            {"id":"{{{_session}}}","organisation_id":"{{{world.Ours}}}","phone_number":"+420601000333",
             "metadata":{"organisation_id":"{{{world.Ours}}}","session_id":"{{{_session}}}","rehearsal_id":"{{{_rehearsal}}}"}}
            """);
        foreach (var header in (string[])["X-Organisation-Id", "X-Tenant", "X-Forwarded-User"])
        {
            request.Headers.Add(header, world.Ours.ToString());
        }

        using var answer = await Them.SendAsync(request, Cancel);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        var made = await JsonAsync(answer);
        Assert.NotEqual(_session, (string?)made["id"]);
        Assert.Equal(before, await world.OurRowsAsync());
        using var ours = await Us.GetAsync($"api/v1/sessions/{made["id"]}", Cancel);
        Assert.Equal(HttpStatusCode.NotFound, ours.StatusCode);

        // What they wrote of our ids would look like a leak to the tests of lists, whichever comes first.
        var id = (Guid)made["id"]!;
        await using var db = world.System();
        Assert.Equal(1, await db.Set<SessionRow>().Where(row => row.Id == id).ExecuteDeleteAsync(Cancel));
    }

    [Theory]
    [InlineData("api/v1/sessions/{upper}")]
    [InlineData("api/v1/sessions/{braces}")]
    [InlineData("api/v1/sessions/{plain}/")]
    [InlineData("api/v1/sessions/{plain}%2Fevents")]
    [InlineData("api/v1//sessions/{plain}")]
    [InlineData("api/v1/rehearsals/../sessions/{plain}")]
    [InlineData("API/V1/SESSIONS/{plain}")]
    [InlineData("api/sessions/{plain}")]
    [InlineData("api/sessions/{plain}/transcript?format=srt")]
    [InlineData("api/v1/sessions/{plain}/transcript?format=vtt")]
    [InlineData("api/v1/sessions/{plain}/transcript?format=text")]
    [InlineData("api/v1/sessions/{plain}/events?after_seq=0&limit=1000")]
    [InlineData("api/v1/sessions/{plain}?organisation_id={ours}")]
    public async Task No_spelling_of_an_address_brings_them_a_session_of_ours(string address)
    {
        var path = address.Replace("{plain}", _session, StringComparison.Ordinal)
            .Replace("{upper}", _session.ToUpperInvariant(), StringComparison.Ordinal)
            .Replace("{braces}", $"%7B{_session}%7D", StringComparison.Ordinal)
            .Replace("{ours}", world.Ours.ToString(), StringComparison.Ordinal);
        using var answer = await Them.GetAsync(path, Cancel);
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        AssertNothingOfOurs(await answer.Content.ReadAsStringAsync(Cancel));
    }

    [Theory]
    [InlineData("sessions")]
    [InlineData("rehearsals")]
    [InlineData("audit")]
    [InlineData("users")]
    [InlineData("invitations")]
    public async Task A_cursor_of_ours_is_none_of_theirs(string list)
    {
        // Two of each, so that a page of one has a next.
        await world.SessionAsync();
        await world.RehearsalAsync();
        await world.InvitationAsync();
        await world.InvitationAsync();

        var page = JsonNode.Parse(await Us.GetStringAsync($"api/v1/{list}?limit=1", Cancel))!;
        var cursor = Uri.EscapeDataString((string)page["next_cursor"]!);
        using var ours = await Us.GetAsync($"api/v1/{list}?limit=1&cursor={cursor}", Cancel);
        Assert.Equal(HttpStatusCode.OK, ours.StatusCode);
        using var theirs = await Them.GetAsync($"api/v1/{list}?limit=1&cursor={cursor}", Cancel);
        Assert.Equal(HttpStatusCode.BadRequest, theirs.StatusCode);
        AssertNothingOfOurs(await theirs.Content.ReadAsStringAsync(Cancel));
    }

    [Fact]
    public async Task An_idempotency_key_of_ours_brings_them_no_answer_of_ours()
    {
        var key = $"key-{Guid.CreateVersion7()}";
        using var ours = await CreateUnderAsync(key, Us);
        using var again = await CreateUnderAsync(key, Us);
        using var theirs = await CreateUnderAsync(key, Them);
        var id = (string?)(await JsonAsync(ours))["id"];
        Assert.Equal(id, (string?)(await JsonAsync(again))["id"]);
        Assert.NotEqual(id, (string?)(await JsonAsync(theirs))["id"]);
        Assert.False(theirs.Headers.Contains("Idempotency-Replayed"));
        using var colleague = await CreateUnderAsync(key, world.Our(UserRole.Agent).Client);
        Assert.NotEqual(id, (string?)(await JsonAsync(colleague))["id"]);
    }

    [Fact]
    public async Task An_if_match_with_our_version_tells_them_no_more_than_one_with_a_wrong_version()
    {
        using var ours = await Us.GetAsync($"api/v1/sessions/{_session}", Cancel);
        foreach (var tag in (EntityTagHeaderValue[])[ours.Headers.ETag!, new("\"999\""), EntityTagHeaderValue.Any])
        {
            using var request = new HttpRequestMessage(HttpMethod.Patch, $"api/v1/sessions/{_session}") { Content = Json("""{"metadata":{"taken":"over"}}""") };
            request.Headers.IfMatch.Add(tag);
            using var answer = await Them.SendAsync(request, Cancel);
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
            AssertNothingOfOurs(await answer.Content.ReadAsStringAsync(Cancel));
        }
    }

    [Fact]
    public async Task The_audit_log_of_ours_is_found_by_no_number_id_word_export_or_verification()
    {
        using (await Them.GetAsync($"api/v1/sessions/{_session}", Cancel))
        {
        }

        foreach (var query in (string[])["limit=200", $"subject={_session}", $"q={TwoOrganisations.Marker}", $"actor={TwoOrganisations.Marker}", "action=logged_in", "number=1", "from=2000-01-01T00:00:00Z"])
        {
            AssertNothingOfOurs(await Them.GetStringAsync($"api/v1/audit?{query}", Cancel));
            AssertNothingOfOurs(await Them.GetStringAsync($"api/v1/audit/export?{query}", Cancel));
        }

        var ours = JsonNode.Parse(await Us.GetStringAsync("api/v1/audit/verification", Cancel))!;
        var theirs = JsonNode.Parse(await Them.GetStringAsync("api/v1/audit/verification", Cancel))!;
        Assert.True((bool)ours["intact"]! && (bool)theirs["intact"]!);
        var counted = JsonNode.Parse(await Them.GetStringAsync("api/v1/audit?limit=200", Cancel))!["items"]!.AsArray().Count;
        Assert.Equal(counted, (long)theirs["entries"]!);
    }

    [Fact]
    public async Task An_error_report_in_our_name_writes_nothing_into_what_is_ours()
    {
        var before = await world.OurRowsAsync();
        using var answer = await Them.PostAsync(
            "api/v1/error-reports",
            Json($$"""{"message":"Sign-in of {{world.Our(UserRole.Admin).Email}}\nlogged_in","where":"{{_session}}","request_id":"{{_session}}","organisation_id":"{{world.Ours}}"}"""),
            Cancel);
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        Assert.Equal(before, await world.OurRowsAsync());
    }

    [Fact]
    public async Task A_flag_that_they_switch_stays_as_it_was_with_us()
    {
        using var request = new HttpRequestMessage(HttpMethod.Patch, "api/v1/flags/enable_sentiment_analysis") { Content = Json("""{"enabled":false}""") };
        request.Headers.IfMatch.Add(EntityTagHeaderValue.Any);
        using var answer = await Them.SendAsync(request, Cancel);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.True((bool)JsonNode.Parse(await Us.GetStringAsync("api/v1/flags/enable_sentiment_analysis", Cancel))!["enabled"]!);
    }

    [Fact]
    public async Task A_ticket_for_their_session_does_not_open_ours_and_is_used_up_by_the_attempt()
    {
        using var made = await Them.PostAsync("api/v1/sessions/bootstrap", Json("{}"), Cancel);
        var bootstrap = await JsonAsync(made);
        var (theirs, ticket) = ((string)bootstrap["session"]!["id"]!, (string)bootstrap["ticket"]!["ticket"]!);
        Assert.Equal("invalid_ticket", await EnterAsync(_session, ticket));
        Assert.Equal("invalid_ticket", await EnterAsync(theirs, ticket));
    }

    [Fact]
    public async Task A_ticket_of_ours_opens_one_socket_and_none_once_its_sign_in_has_ended()
    {
        var ticket = await TicketAsync(Us);
        Assert.Null(await EnterAsync(_session, ticket));
        Assert.Equal("invalid_ticket", await EnterAsync(_session, ticket));

        var leaving = await world.JoinAsync(UserRole.Viewer);
        var late = await TicketAsync(leaving.Client);
        await TwoOrganisations.SignOutAsync(leaving);
        Assert.NotNull(await EnterAsync(_session, late));
    }

    [Fact]
    public async Task Ids_of_ours_sent_over_their_own_socket_reach_nothing_of_ours()
    {
        using var made = await Them.PostAsync("api/v1/sessions/bootstrap", Json("{}"), Cancel);
        var bootstrap = await JsonAsync(made);
        using var socket = await RawSocket.ConnectAsync(SocketUrl((string)bootstrap["session"]!["id"]!), Cancel);
        Assert.IsType<Hello>(await socket.ReceiveAsync(Cancel));
        await socket.SendAsync(new Identify((string)bootstrap["ticket"]!["ticket"]!), Cancel);
        Assert.IsType<Ready>(await socket.ReceiveAsync(Cancel));
        var before = await world.OurRowsAsync();

        await socket.SendAsync($$"""{"type":"text","text":"hello","session_id":"{{_session}}"}""", Cancel);
        await socket.SendAsync($$"""{"type":"function_result","call_id":"{{_session}}","output":"{}","session_id":"{{_session}}"}""", Cancel);
        await socket.SendAsync($$"""{"type":"suggestion-action","suggestion_id":"{{_session}}","action":"accept","session_id":"{{_session}}"}""", Cancel);
        await socket.SendAsync($$"""{"type":"identify","ticket":"none","session_id":"{{_session}}"}""", Cancel);
        await socket.SendAsync("""{"type":"ping","timestamp":7}""", Cancel);
        ServerMessage? message;
        while ((message = await socket.ReceiveAsync(Cancel)) is not (null or Pong or SocketError { Fatal: true }))
        {
            AssertNothingOfOurs(message.ToString()!);
        }

        Assert.Equal(before, await world.OurRowsAsync());
    }

    [Fact]
    public async Task A_webhook_that_names_our_session_without_our_carriers_signature_changes_nothing_of_ours()
    {
        var before = await world.OurRowsAsync();
        using var client = world.Server.Anonymous();
        foreach (var path in (string[])["voice", "status", "after-stream"])
        {
            using var form = new FormUrlEncodedContent(new Dictionary<string, string>
            {
                ["AccountSid"] = "AC0123456789abcdef0123456789abcdef",
                ["CallSid"] = $"CA{Guid.NewGuid():N}",
                ["CallStatus"] = "completed",
                ["From"] = "+420601000111",
            });
            using var answer = await client.PostAsync($"telephony/twilio/{path}?session={_session}", form, Cancel);
            Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        }

        Assert.Equal(before, await world.OurRowsAsync());
    }

    [Fact]
    public async Task A_colleagues_device_is_not_theirs_to_end_either()
    {
        var device = await world.SignInOfAsync(world.Our(UserRole.Agent));
        foreach (var client in (HttpClient[])[Us, Them])
        {
            using var answer = await client.DeleteAsync($"api/v1/auth/sessions/{device}", Cancel);
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        }

        using var still = await world.Our(UserRole.Agent).Client.GetAsync("api/v1/auth/me", Cancel);
        Assert.Equal(HttpStatusCode.OK, still.StatusCode);
    }

    [Fact]
    public async Task Inviting_somebody_of_ours_tells_them_nothing_and_takes_nobody_over()
    {
        // Others than in the other tests: their own audit log names whom they invited.
        var others = (await world.FoundAsync("others")).Client;
        var agent = world.Our(UserRole.Agent);
        var before = await world.OurRowsAsync();
        using var ours = await others.SendAsync(Post("api/v1/users", $$"""{"email":"{{agent.Email}}","role":"admin"}"""), Cancel);
        using var nobodys = await others.SendAsync(Post("api/v1/users", $$"""{"email":"nobody@nowhere.example","role":"admin"}"""), Cancel);
        Assert.Equal(HttpStatusCode.Created, ours.StatusCode);
        Assert.Equal(nobodys.StatusCode, ours.StatusCode);

        using var accepted = await Us.SendAsync(
            Post("api/v1/auth/register", $$"""{"name":"Taken over","password":"tapir velvet lantern","invitation_token":"{{await world.TokenOfMailAsync(agent.Email)}}"}"""), Cancel);
        Assert.Equal(HttpStatusCode.Conflict, accepted.StatusCode);
        Assert.Equal(before, await world.OurRowsAsync());
        using var still = await agent.Client.GetAsync("api/v1/auth/me", Cancel);
        Assert.Equal("agent", (string?)(await JsonAsync(still))["role"]);
    }

    [Theory]
    [InlineData("""{"role":"admin","organisation_id":"{theirs}"}""")]
    [InlineData("""{"name":"Ours","id":"{ours}"}""")]
    public async Task Nobody_changes_their_organisation_or_role_by_their_own_profile(string body)
    {
        var agent = world.Our(UserRole.Agent);
        using var request = new HttpRequestMessage(HttpMethod.Patch, "api/v1/auth/me")
        {
            Content = Json(body.Replace("{theirs}", Guid.CreateVersion7().ToString(), StringComparison.Ordinal).Replace("{ours}", world.Our(UserRole.Admin).Id.ToString(), StringComparison.Ordinal)),
        };
        request.Headers.IfMatch.Add(EntityTagHeaderValue.Any);
        using var changed = await agent.Client.SendAsync(request, Cancel);
        using var me = await agent.Client.GetAsync("api/v1/auth/me", Cancel);
        var now = await JsonAsync(me);
        Assert.Equal(agent.Id.ToString(), (string?)now["id"]);
        Assert.Equal("agent", (string?)now["role"]);
        Assert.Equal(world.Ours.ToString(), (string?)now["organisation_id"]);
    }

    private static async Task<HttpResponseMessage> CreateUnderAsync(string key, HttpClient client)
    {
        using var request = Post("api/v1/sessions", """{"phone_number":"+420601000444"}""");
        request.Headers.Add("Idempotency-Key", key);
        var answer = await client.SendAsync(request, Cancel);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        return answer;
    }

    private static StringContent Json(string text) => new(text, Encoding.UTF8, "application/json");

    private static HttpRequestMessage Post(string path, string body) => new(HttpMethod.Post, path) { Content = Json(body) };

    private static async Task<JsonNode> JsonAsync(HttpResponseMessage answer) => (await answer.Content.ReadFromJsonAsync<JsonNode>(Cancel))!;

    private void AssertNothingOfOurs(string text)
    {
        Assert.DoesNotContain(TwoOrganisations.Marker, text, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("+420601000111", text, StringComparison.Ordinal);
        Assert.DoesNotContain(world.Ours.ToString(), text, StringComparison.OrdinalIgnoreCase);
    }

    private async Task<string> TicketAsync(HttpClient client)
    {
        using var answer = await client.PostAsync($"api/v1/sessions/{_session}/ticket", content: null, Cancel);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        return (string)(await JsonAsync(answer))["ticket"]!;
    }

    /// <returns>Null when the ticket let in, else the code of the refusal.</returns>
    private async Task<string?> EnterAsync(string session, string ticket)
    {
        using var socket = await RawSocket.ConnectAsync(SocketUrl(session), Cancel);
        Assert.IsType<Hello>(await socket.ReceiveAsync(Cancel));
        await socket.SendAsync(new Identify(ticket), Cancel);
        return await socket.ReceiveAsync(Cancel) switch
        {
            Ready => null,
            SocketError error => error.Code,
            var other => throw new InvalidOperationException($"Neither let in nor refused: {other}"),
        };
    }

    private Uri SocketUrl(string session) => new($"ws://{world.Server.Url.Authority}/ws/sessions/{session}");
}
