using System.Net;
using System.Net.Http.Json;
using Kraliki.Contracts;
using Kraliki.Server.Identity;
using Kraliki.Server.Operations;
using Microsoft.Extensions.DependencyInjection;

namespace Kraliki.Server.Tests.Operations;

public sealed class AuditApiTests(ServerFixture fixture)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_administrator_pages_through_what_happened_newest_first()
    {
        using var client = await fixture.Server.SignInAsync(Cancel, RunningServer.Admin);
        var mark = await WriteAsync(5);

        var first = await SearchAsync(client, $"subject={mark}&limit=2");
        Assert.Equal(["act 4", "act 3"], first.Items.Select(entry => entry.Detail));
        var second = await SearchAsync(client, $"subject={mark}&limit=2&cursor={first.NextCursor}");
        Assert.Equal(["act 2", "act 1"], second.Items.Select(entry => entry.Detail));
        var last = await SearchAsync(client, $"subject={mark}&limit=2&cursor={second.NextCursor}");
        Assert.Equal("act 0", Assert.Single(last.Items).Detail);
        Assert.Null(last.NextCursor);

        // The cursor belongs to these filters.
        using var carried = await client.GetAsync($"api/v1/audit?limit=2&cursor={first.NextCursor}", Cancel);
        Assert.Equal(HttpStatusCode.BadRequest, carried.StatusCode);
    }

    [Fact]
    public async Task Entries_are_found_by_actor_action_period_and_text()
    {
        using var client = await fixture.Server.SignInAsync(Cancel, RunningServer.Admin);
        var mark = await WriteAsync(2);
        var at = (await SearchAsync(client, $"subject={mark}&limit=1")).Items[0].At;
        string Time(DateTimeOffset time) => Uri.EscapeDataString(time.ToString("O", System.Globalization.CultureInfo.InvariantCulture));

        Assert.Equal(2, (await SearchAsync(client, $"q={mark[3..20]}")).Items.Count);
        Assert.Equal(2, (await SearchAsync(client, $"actor=somebody&subject={mark}")).Items.Count);
        Assert.Equal(2, (await SearchAsync(client, $"action=tested,other&subject={mark}")).Items.Count);
        Assert.Empty((await SearchAsync(client, $"action=other&subject={mark}")).Items);
        Assert.Empty((await SearchAsync(client, $"from={Time(at.AddSeconds(1))}&subject={mark}")).Items);
        Assert.Empty((await SearchAsync(client, $"to={Time(at.AddHours(-1))}&subject={mark}")).Items);
        Assert.Equal(2, (await SearchAsync(client, $"from={Time(at.AddHours(-1))}&to={Time(at.AddHours(1))}&subject={mark}")).Items.Count);
    }

    [Theory]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=201", "limit")]
    [InlineData("cursor=abc", "cursor")]
    [InlineData("from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z", "to")]
    public async Task A_search_that_makes_no_sense_is_told_which_part(string query, string field)
    {
        using var client = await fixture.Server.SignInAsync(Cancel, RunningServer.Admin);
        using var answer = await client.GetAsync($"api/v1/audit?{query}", Cancel);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains(field, (await answer.Content.ReadFromJsonAsync(ContractsJson.Default.Problem, Cancel))!.Errors!.Keys);
    }

    [Fact]
    public async Task The_chain_of_the_running_server_is_intact()
    {
        using var client = await fixture.Server.SignInAsync(Cancel, RunningServer.Admin);
        var verification = await client.GetFromJsonAsync("api/v1/audit/verification", ContractsJson.Default.AuditVerification, Cancel);
        Assert.True(verification!.Intact);
        Assert.NotEqual(0, verification.Entries);
    }

    [Fact]
    public async Task An_export_is_a_csv_file_without_formulas_and_is_itself_audited()
    {
        using var client = await fixture.Server.SignInAsync(Cancel, RunningServer.Admin);
        var mark = await WriteAsync(1, "=HYPERLINK(\"http://evil\"), and\nmore");
        client.DefaultRequestHeaders.Add("X-Request-ID", mark);

        using var answer = await client.GetAsync($"api/v1/audit/export?subject={mark}", Cancel);
        Assert.Equal("text/csv", answer.Content.Headers.ContentType!.MediaType);
        Assert.Equal("audit.csv", answer.Content.Headers.ContentDisposition!.FileName!.Trim('"'));
        var csv = await answer.Content.ReadAsStringAsync(Cancel);
        Assert.StartsWith("number,at,actor,action,subject,detail,address,request_id", csv.TrimStart('\uFEFF'));
        Assert.Contains($",somebody,tested,{mark},\"'=HYPERLINK(\"\"http://evil\"\"), and\nmore\",", csv);

        Assert.Equal(mark, Assert.Single((await SearchAsync(client, "action=audit_exported")).Items, entry => entry.RequestId == mark).RequestId);
    }

    [Fact]
    public async Task Whoever_asks_for_more_than_the_role_permits_is_refused_and_written_down()
    {
        using var agent = await fixture.Server.SignInAsync(Cancel, RunningServer.Operator);
        var request = $"refused-{Guid.NewGuid():N}";
        agent.DefaultRequestHeaders.Add("X-Request-ID", request);
        foreach (var path in (string[])["api/v1/audit", "api/v1/audit/export", "api/v1/audit/verification"])
        {
            using var answer = await agent.GetAsync(path, Cancel);
            Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        }

        using var admin = await fixture.Server.SignInAsync(Cancel, RunningServer.Admin);
        var entries = (await SearchAsync(admin, $"action=permission_refused&actor={RunningServer.Operator}&subject=audit.read&limit=200")).Items.Where(entry => entry.RequestId == request).ToList();
        Assert.Equal(["GET /api/v1/audit/verification", "GET /api/v1/audit/export", "GET /api/v1/audit"], entries.Select(entry => entry.Detail));
    }

    [Theory]
    [InlineData("GET", "transcript", "transcript")]
    [InlineData("GET", "events?after_seq=7", "events")]
    [InlineData("POST", "ticket", "socket")]
    public async Task Whoever_opens_a_conversation_is_written_down_once(string method, string path, string how)
    {
        using var agent = await fixture.Server.SignInAsync(Cancel, RunningServer.Operator);
        using var created = await agent.PostAsJsonAsync("api/v1/sessions", new CreateSession(), ContractsJson.Default.CreateSession, Cancel);
        var session = (await created.Content.ReadFromJsonAsync(ContractsJson.Default.SessionView, Cancel))!.Id;
        for (var i = 0; i < 3; i++)
        {
            using var request = new HttpRequestMessage(new(method), $"api/v1/sessions/{session}/{path}");
            using var answer = await agent.SendAsync(request, Cancel);
            Assert.True(answer.IsSuccessStatusCode, $"{method} {path} answered {(int)answer.StatusCode}.");
        }

        using var admin = await fixture.Server.SignInAsync(Cancel, RunningServer.Admin);
        var entry = Assert.Single((await SearchAsync(admin, $"subject={session}")).Items);
        Assert.Equal(("personal_data_read", RunningServer.Operator, $"The conversation was opened: {how}."), (entry.Action, entry.Actor, entry.Detail));
    }

    /// <returns>The subject of the entries, which no other test uses.</returns>
    private async Task<string> WriteAsync(int count, string? detail = null)
    {
        var audit = fixture.Server.Services.GetRequiredService<AuditLog>();
        var mark = Guid.NewGuid().ToString("N");
        for (var i = 0; i < count; i++)
        {
            await audit.WriteAsync("tested", mark, detail ?? $"act {i}", actor: "somebody", organisation: FirstAccounts.OrganisationId);
        }

        return mark;
    }

    private static async Task<Page<AuditEntryView>> SearchAsync(HttpClient client, string query) =>
        (await client.GetFromJsonAsync($"api/v1/audit?{query}", ContractsJson.Default.PageAuditEntryView, Cancel))!;
}
