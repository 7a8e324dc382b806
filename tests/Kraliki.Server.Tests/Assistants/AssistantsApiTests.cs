using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using Kraliki.Client;
using Kraliki.Contracts;
using Kraliki.Server.Assistants;
using Kraliki.Server.Data;
using Kraliki.Server.Operations;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection;

namespace Kraliki.Server.Tests.Assistants;

/// <summary>Assistants are written, saved in versions, restored, archived and made the default.</summary>
public sealed class AssistantsApiTests : IAsyncLifetime
{
    private static readonly AssistantContent Desk = new(
        "Night desk",
        "You answer at night.",
        "Good night, how can I help you?",
        Language: "en-GB",
        Providers: ["local", "openai"],
        Voices: new Dictionary<string, string> { ["openai"] = "cedar" },
        Tools: ["end_call"],
        Limits: new(20, 45, 0.5m));

    private RunningServer _server = null!;
    private KralikiClient _supervisor = null!;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync(Cancelled);
        _supervisor = await SignInAsync(RunningServer.Supervisor);
    }

    public async ValueTask DisposeAsync()
    {
        _supervisor.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task An_organisation_begins_with_a_default_assistant()
    {
        var only = Assert.Single((await _supervisor.ListAssistantsAsync(cancellationToken: Cancelled)).Items);
        Assert.Equal((1, true, "server"), (only.Version, only.IsDefault, only.UpdatedBy));

        var view = await _supervisor.GetAssistantAsync(only.Id, Cancelled);
        Assert.Contains("telephone assistant", view.Content.Instructions, StringComparison.Ordinal);
        Assert.Equal(["end_call", "current_time", "request_callback"], (await _supervisor.ListAssistantToolsAsync(Cancelled)).Select(tool => tool.Name));
    }

    [Fact]
    public async Task Each_save_is_a_version_that_stays_as_it_was()
    {
        var made = await _supervisor.CreateAssistantAsync(new(Desk, "The first."), Cancelled);
        var saved = await _supervisor.SaveAssistantAsync(made.Id, new(Desk with { Name = "Day desk", Instructions = " You answer\r\nby day. " }, "It is light."), made.Version, Cancelled);
        Assert.Equal((2, "Day desk", "You answer\nby day."), (saved.Version, saved.Content.Name, saved.Content.Instructions));

        // Nothing changed: no version.
        Assert.Equal(2, (await _supervisor.SaveAssistantAsync(made.Id, new(saved.Content, "Again."), 2, Cancelled)).Version);

        var versions = (await _supervisor.ListAssistantVersionsAsync(made.Id, cancellationToken: Cancelled)).Items;
        Assert.Equal([(2, "It is light.", RunningServer.Supervisor), (1, "The first.", RunningServer.Supervisor)], versions.Select(version => (version.Number, version.Note, version.By)));
        Assert.All(versions, version => Assert.Null(version.Content));
        AssertSame(Desk, (await _supervisor.GetAssistantVersionAsync(made.Id, 1, Cancelled)).Content!);

        var restored = await _supervisor.RestoreAssistantVersionAsync(made.Id, 1, 2, Cancelled);
        Assert.Equal(3, restored.Version);
        AssertSame(Desk, restored.Content);
        Assert.Equal(1, (await _supervisor.GetAssistantVersionAsync(made.Id, 3, Cancelled)).RestoredFrom);
        Assert.Equal(["assistant_created", "assistant_changed", "assistant_restored"], await AuditedAsync(made.Id));
    }

    [Fact]
    public async Task Of_two_who_save_the_same_version_the_second_is_told_how_it_is_now()
    {
        var made = await _supervisor.CreateAssistantAsync(new(Desk), Cancelled);
        var tries = await Task.WhenAll(Enumerable.Range(0, 4).Select(i => TryAsync(() => _supervisor.SaveAssistantAsync(made.Id, new(Desk with { Instructions = $"Number {i}." }), 1, Cancelled))));

        Assert.Single(tries, fault => fault is null);
        Assert.All(tries.OfType<KralikiException>(), fault =>
        {
            Assert.Equal((HttpStatusCode.PreconditionFailed, "version_conflict"), (fault.Status!.Value, fault.Code));
            Assert.Equal(2, fault.Current(ContractsJson.Default.AssistantView)!.Version);
        });
        Assert.Equal(2, (await _supervisor.ListAssistantVersionsAsync(made.Id, cancellationToken: Cancelled)).Items.Count);
    }

    [Fact]
    public async Task The_default_is_never_archived_and_an_archived_one_takes_no_calls()
    {
        var first = (await _supervisor.ListAssistantsAsync(cancellationToken: Cancelled)).Items.Single(assistant => assistant.IsDefault);
        var made = await _supervisor.CreateAssistantAsync(new(Desk), Cancelled);
        Assert.Equal("default_assistant", await CodeAsync(() => _supervisor.ArchiveAssistantAsync(first.Id, Cancelled)));

        Assert.NotNull((await _supervisor.ArchiveAssistantAsync(made.Id, Cancelled)).ArchivedAt);
        Assert.DoesNotContain((await _supervisor.ListAssistantsAsync(cancellationToken: Cancelled)).Items, assistant => assistant.Id == made.Id);
        Assert.Contains((await _supervisor.ListAssistantsAsync(archived: true, cancellationToken: Cancelled)).Items, assistant => assistant.Id == made.Id);
        Assert.Equal("assistant_archived", await CodeAsync(() => _supervisor.MakeAssistantDefaultAsync(made.Id, Cancelled)));
        Assert.Equal("assistant_archived", await CodeAsync(() => _supervisor.SaveAssistantAsync(made.Id, new(Desk with { Name = "x" }), 1, Cancelled)));
        Assert.Equal("validation_failed", await CodeAsync(() => _supervisor.CreateSessionAsync(new(Assistant: made.Id), Cancelled)));

        await _supervisor.UnarchiveAssistantAsync(made.Id, Cancelled);
        Assert.True((await _supervisor.MakeAssistantDefaultAsync(made.Id, Cancelled)).IsDefault);
        Assert.False((await _supervisor.GetAssistantAsync(first.Id, Cancelled)).IsDefault);
        Assert.Equal(["assistant_created", "assistant_archived", "assistant_unarchived", "default_assistant_changed"], await AuditedAsync(made.Id));
    }

    [Fact]
    public async Task Who_saves_what_somebody_archives_meanwhile_is_told_so()
    {
        var meanwhile = new Meanwhile();
        await using var server = await RunningServer.StartAsync(Cancelled, new(Change: builder => TestDatabase.Intercept(builder.Services, meanwhile)));
        using var supervisor = server.Api();
        await supervisor.LoginAsync(RunningServer.Supervisor, server.Password, TokenTransport.Body, Cancelled);
        var made = await supervisor.CreateAssistantAsync(new(Desk), Cancelled);
        meanwhile.BeforeVersion = () => supervisor.ArchiveAssistantAsync(made.Id, Cancelled);

        Assert.Equal("assistant_archived", await CodeAsync(() => supervisor.SaveAssistantAsync(made.Id, new(Desk with { Name = "Late" }), 1, Cancelled)));

        Assert.Null(meanwhile.BeforeVersion);
        Assert.Single((await supervisor.ListAssistantVersionsAsync(made.Id, cancellationToken: Cancelled)).Items);
    }

    [Fact]
    public async Task Archiving_and_making_default_at_once_never_leave_an_archived_default()
    {
        for (var i = 0; i < 5; i++)
        {
            var made = await _supervisor.CreateAssistantAsync(new(Desk), Cancelled);
            await Task.WhenAll(TryAsync(() => _supervisor.ArchiveAssistantAsync(made.Id, Cancelled)), TryAsync(() => _supervisor.MakeAssistantDefaultAsync(made.Id, Cancelled)));
            Assert.Null((await _supervisor.ListAssistantsAsync(archived: true, cancellationToken: Cancelled)).Items.Single(assistant => assistant.IsDefault).ArchivedAt);
        }
    }

    [Fact]
    public async Task A_session_gets_the_newest_version_the_first_provider_and_the_order_of_its_assistant()
    {
        var made = await _supervisor.CreateAssistantAsync(new(Desk), Cancelled);
        using var agent = await SignInAsync(RunningServer.Operator);
        var session = await agent.CreateSessionAsync(new(Assistant: made.Id), Cancelled);
        Assert.Equal((made.Id, 1, "local"), (session.Assistant, session.AssistantVersion, session.Provider));
        Assert.Equal(["local", "openai"], (await agent.GetFailoverPolicyAsync(session.Id, Cancelled)).Order);

        await _supervisor.SaveAssistantAsync(made.Id, new(Desk with { Providers = null }), 1, Cancelled);
        await _supervisor.MakeAssistantDefaultAsync(made.Id, Cancelled);
        var next = await agent.CreateSessionAsync(new(Provider: "openai"), Cancelled);
        Assert.Equal((made.Id, 2, "openai"), (next.Assistant, next.AssistantVersion, next.Provider));
        Assert.Empty((await agent.GetFailoverPolicyAsync(next.Id, Cancelled)).Order);
        Assert.Equal(1, (await agent.GetSessionAsync(session.Id, Cancelled)).AssistantVersion);
        var born = Assert.IsType<SessionCreated>((await agent.GetEventsAsync(session.Id, cancellationToken: Cancelled)).Items[0].Data);
        Assert.Equal((made.Id, 1), (born.AssistantId, born.AssistantVersion));
    }

    [Fact]
    public async Task A_session_may_cost_what_it_says_itself_else_what_its_assistant_says()
    {
        var made = await _supervisor.CreateAssistantAsync(new(Desk), Cancelled);
        using var agent = await SignInAsync(RunningServer.Operator);
        Assert.Equal(0.5m, (await agent.CreateSessionAsync(new(Assistant: made.Id), Cancelled)).Cost!.Cap);
        Assert.Equal(3m, (await agent.CreateSessionAsync(new(Assistant: made.Id, CostCap: 3), Cancelled)).Cost!.Cap);
        Assert.Null((await agent.CreateSessionAsync(new(), Cancelled)).Cost!.Cap);
    }

    [Fact]
    public async Task A_change_of_the_default_shows_in_what_has_changed_since()
    {
        var before = (await _supervisor.ListAssistantsAsync(cancellationToken: Cancelled)).Items.Single();
        var other = await _supervisor.CreateAssistantAsync(new(Desk), Cancelled);
        var made = await _supervisor.CreateAssistantAsync(new(Desk), Cancelled);
        var changed = await _supervisor.MakeAssistantDefaultAsync(made.Id, Cancelled);

        // PostgreSQL keeps microseconds.
        var since = Uri.EscapeDataString(changed.UpdatedAt.AddMicroseconds(-1).ToString("O", CultureInfo.InvariantCulture));
        using var http = await _server.SignInAsync(Cancelled);
        var news = (await http.GetFromJsonAsync($"api/v1/assistants?updated_since={since}", ContractsJson.Default.PageAssistantSummary, Cancelled))!.Items;
        Assert.Equal([(before.Id, false), (made.Id, true)], news.Select(assistant => (assistant.Id, assistant.IsDefault)).Order());
        Assert.True(changed.UpdatedAt > made.UpdatedAt);
        Assert.DoesNotContain(news, assistant => assistant.Id == other.Id);

        // Said once more it changes nothing.
        Assert.Equal(changed.UpdatedAt, (await _supervisor.MakeAssistantDefaultAsync(made.Id, Cancelled)).UpdatedAt, TimeSpan.FromMicroseconds(1));
    }

    [Fact]
    public async Task What_cannot_be_is_refused_by_the_name_of_its_field()
    {
        var fault = await TryAsync(() => _supervisor.CreateAssistantAsync(new(Desk with { Providers = ["hal"], Limits = new(MaxCallMinutes: 0) }), Cancelled));
        Assert.Equal("validation_failed", fault?.Code);
        Assert.Equal(["content.limits.max_call_minutes", "content.providers"], fault!.Problem!.Errors!.Keys.Order());
    }

    [Fact]
    public async Task An_operator_reads_assistants_and_changes_none()
    {
        using var agent = await SignInAsync(RunningServer.Operator);
        var only = Assert.Single((await agent.ListAssistantsAsync(cancellationToken: Cancelled)).Items);
        Assert.Equal("forbidden", await CodeAsync(() => agent.SaveAssistantAsync(only.Id, new(Desk), 1, Cancelled)));
        Assert.Equal("forbidden", await CodeAsync(() => agent.CreateAssistantAsync(new(Desk), Cancelled)));
    }

    [Fact]
    public async Task A_practice_call_goes_to_the_assistant_that_was_asked_for()
    {
        var made = await _supervisor.CreateAssistantAsync(new(Desk), Cancelled);
        var rehearsal = await _supervisor.StartRehearsalAsync(new(Assistant: made.Id), Cancelled);
        Assert.Equal((made.Id, "local"), (rehearsal.Assistant, rehearsal.Provider));
        Assert.Equal("validation_failed", await CodeAsync(() => _supervisor.StartRehearsalAsync(new(Assistant: Guid.NewGuid()), Cancelled)));
    }

    private static void AssertSame(AssistantContent expected, AssistantContent actual) =>
        Assert.Equal(Json(expected), Json(actual));

    private static string Json(AssistantContent content) => System.Text.Json.JsonSerializer.Serialize(content, ContractsJson.Default.AssistantContent);

    private static async Task<KralikiException?> TryAsync<T>(Func<Task<T>> act)
    {
        try
        {
            await act();
            return null;
        }
        catch (KralikiException fault)
        {
            return fault;
        }
    }

    private static async Task<string?> CodeAsync<T>(Func<Task<T>> act) => (await TryAsync(act))?.Code;

    private async Task<KralikiClient> SignInAsync(string email)
    {
        var api = _server.Api();
        await api.LoginAsync(email, _server.Password, TokenTransport.Body, Cancelled);
        return api;
    }

    private async Task<List<string>> AuditedAsync(Guid assistant)
    {
        await using var db = _server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem();
        return await db.Set<AuditEntry>().Where(entry => entry.Subject == assistant.ToString()).OrderBy(entry => entry.Number).Select(entry => entry.Action).ToListAsync(Cancelled);
    }

    /// <summary>Something happens after a new version was made up and before it is written.</summary>
    private sealed class Meanwhile : SaveChangesInterceptor
    {
        public Func<Task>? BeforeVersion { get; set; }

        public override async ValueTask<InterceptionResult<int>> SavingChangesAsync(
            DbContextEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
        {
            if (BeforeVersion is { } happen && eventData.Context!.ChangeTracker.Entries<AssistantVersion>().Any())
            {
                BeforeVersion = null;
                await happen();
            }

            return result;
        }
    }
}
