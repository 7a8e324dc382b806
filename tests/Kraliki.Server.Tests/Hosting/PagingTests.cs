using System.Net;
using System.Net.Http.Json;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Identity;
using Kraliki.Server.Rehearsals;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Kraliki.Server.Tests.Hosting;

public sealed class PagingTests(ServerFixture fixture)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_cursor_goes_on_where_the_page_ended_and_the_last_page_has_none()
    {
        using var client = await fixture.Server.SignInAsync(Cancel);
        for (var i = 0; i < 3; i++)
        {
            await CreateAsync(client, "+420733111226");
        }

        var first = await PageAsync(client, "q=733111226&limit=2");
        var second = await PageAsync(client, $"q=733111226&limit=200&cursor={first.NextCursor}");
        Assert.Equal((2, 1), (first.Items.Count, second.Items.Count));
        Assert.Null(second.NextCursor);
        Assert.Equal(3, first.Items.Concat(second.Items).Select(session => session.Id).Distinct().Count());
    }

    [Theory]
    [InlineData("api/v1/sessions?q=733111223&limit=1&cursor=", "a list with other filters")]
    [InlineData("api/v1/sessions?limit=1&cursor=", "a list without filters")]
    [InlineData("api/v1/sessions?q=733111222&updated_since=2026-01-01T00:00:00Z&cursor=", "another order")]
    [InlineData("api/v1/rehearsals?q=733111222&cursor=", "another list")]
    public async Task A_cursor_carried_elsewhere_is_refused(string elsewhere, string where)
    {
        using var client = await fixture.Server.SignInAsync(Cancel);
        await CreateAsync(client, "+420733111222");
        await CreateAsync(client, "+420733111222");
        var cursor = (await PageAsync(client, "q=733111222&limit=1")).NextCursor!;

        using var answer = await client.GetAsync(elsewhere + cursor, Cancel);
        Assert.True(answer.StatusCode == HttpStatusCode.BadRequest, $"The cursor was accepted by {where}.");
        var problem = await answer.Content.ReadFromJsonAsync(ContractsJson.Default.Problem, Cancel);
        Assert.Equal("invalid_cursor", problem!.Code);
        Assert.Equal(["cursor"], problem.Errors!.Keys);
    }

    [Fact]
    public async Task A_cursor_of_another_organisation_is_refused()
    {
        using var client = await fixture.Server.SignInAsync(Cancel);
        await CreateAsync(client, "+420733111224");
        await CreateAsync(client, "+420733111224");
        var cursor = (await PageAsync(client, "q=733111224&limit=1")).NextCursor!;

        using var stranger = await fixture.Server.SignInAsync(Cancel, await AddStrangerAsync());
        using var answer = await stranger.GetAsync($"api/v1/sessions?q=733111224&limit=1&cursor={cursor}", Cancel);
        Assert.Equal("invalid_cursor", (await answer.Content.ReadFromJsonAsync(ContractsJson.Default.Problem, Cancel))!.Code);
    }

    [Fact]
    public async Task A_cursor_with_one_changed_character_is_refused()
    {
        using var client = await fixture.Server.SignInAsync(Cancel);
        await CreateAsync(client, "+420733111225");
        await CreateAsync(client, "+420733111225");
        var cursor = (await PageAsync(client, "q=733111225&limit=1")).NextCursor!;
        for (var i = 0; i < cursor.Length; i += 7)
        {
            var changed = cursor[..i] + (cursor[i] == 'A' ? 'B' : 'A') + cursor[(i + 1)..];
            using var answer = await client.GetAsync($"api/v1/sessions?q=733111225&limit=1&cursor={changed}", Cancel);
            Assert.True(answer.StatusCode == HttpStatusCode.BadRequest, $"A change at {i} was not noticed.");
        }
    }

    [Fact]
    public async Task Rehearsals_that_changed_since_come_in_the_order_of_change()
    {
        var since = DateTimeOffset.UnixEpoch.AddYears(120);
        Guid[] inOrderOfChange = [Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7()];
        await using (var db = fixture.Server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem())
        {
            var organisation = await db.Set<User>().Where(user => user.Email == RunningServer.Admin).Select(user => user.OrganisationId).SingleAsync(Cancel);
            db.AddRange(inOrderOfChange.Reverse().Select(id => new RehearsalRow
            {
                Id = id,
                OrganisationId = organisation,
                Script = "booking",
                Provider = "local",
                TelephonyProvider = "twilio",
                Status = RehearsalStatus.Passed,
                CreatedAt = since,
                UpdatedAt = since.AddSeconds(Array.IndexOf(inOrderOfChange, id) / 2),
            }));
            await db.SaveChangesAsync(Cancel);
        }

        using var client = await fixture.Server.SignInAsync(Cancel);
        var found = new List<Guid>();
        string? cursor = null;
        do
        {
            var page = await client.GetFromJsonAsync(
                $"api/v1/rehearsals?limit=1&updated_since={since:yyyy-MM-dd}T00:00:00Z{(cursor is null ? "" : $"&cursor={cursor}")}", ContractsJson.Default.PageRehearsalView, Cancel);
            found.AddRange(page!.Items.Select(rehearsal => rehearsal.Id));
            cursor = page.NextCursor;
        }
        while (cursor is not null);

        Assert.Equal(inOrderOfChange, found);
    }

    private static async Task CreateAsync(HttpClient client, string number)
    {
        using var answer = await client.PostAsJsonAsync("api/v1/sessions", new CreateSession(PhoneNumber: number), ContractsJson.Default.CreateSession, Cancel);
        answer.EnsureSuccessStatusCode();
    }

    private static async Task<Page<SessionView>> PageAsync(HttpClient client, string query) =>
        (await client.GetFromJsonAsync($"api/v1/sessions?{query}", ContractsJson.Default.PageSessionView, Cancel))!;

    /// <summary>Somebody of another organisation who signs in with the demo's password.</summary>
    private async Task<string> AddStrangerAsync()
    {
        await using var db = fixture.Server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem();
        var known = await db.Set<User>().AsNoTracking().SingleAsync(user => user.Email == RunningServer.Admin, Cancel);
        var organisation = new Organisation { Id = Guid.CreateVersion7(), Name = "Elsewhere", CreatedAt = known.CreatedAt };
        var email = $"{Guid.NewGuid():N}@elsewhere.example";
        db.Add(new User
        {
            Id = Guid.CreateVersion7(),
            OrganisationId = organisation.Id,
            Organisation = organisation,
            Email = email,
            Name = "Stranger",
            Role = UserRole.Admin,
            PasswordHash = known.PasswordHash,
            CreatedAt = known.CreatedAt,
            UpdatedAt = known.UpdatedAt,
            EmailVerifiedAt = known.CreatedAt,
        });
        await db.SaveChangesAsync(Cancel);
        return email;
    }
}
