using System.Net;
using System.Net.Http.Json;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Operations;
using Kraliki.Server.Operations.Flags;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Kraliki.Server.Tests.Operations.Flags;

public sealed class FlagsApiTests : IAsyncLifetime
{
    private RunningServer _server = null!;
    private HttpClient _admin = null!;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private FeatureFlags Flags => _server.Services.GetRequiredService<FeatureFlags>();

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync(Cancelled, new ServerSetup(Settings: RunningServer.Silent));
        _admin = await _server.SignInAsync(Cancelled, RunningServer.Admin);
    }

    public async ValueTask DisposeAsync()
    {
        _admin.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Every_flag_is_on_until_an_admin_decides_otherwise_and_the_decision_is_kept_and_audited()
    {
        var flags = await _admin.GetFromJsonAsync("api/v1/flags", ContractsJson.Default.IReadOnlyListFlagView, Cancelled);
        Assert.Equal(
            ["enable_function_calling", "enable_sentiment_analysis", "enable_intent_detection", "enable_suggestion_panels", "enable_metrics_collection", "enable_webhook_validation"],
            flags?.Select(flag => flag.Name));
        Assert.All(flags!, flag => Assert.Equal((true, true, null, null, 0L), (flag.Enabled, flag.Default, flag.Locked, flag.UpdatedBy, flag.Version)));

        using var answer = await _admin.SwitchAsync("enable_intent_detection", false, "\"0\"", Cancelled);
        Assert.Equal("\"1\"", answer.Headers.ETag!.Tag);
        var off = await answer.Content.ReadFromJsonAsync(ContractsJson.Default.FlagView, Cancelled);
        Assert.Equal((false, true, RunningServer.Admin, 1L), (off!.Enabled, off.Default, off.UpdatedBy, off.Version));
        Assert.Equal(off, await _admin.GetFromJsonAsync("api/v1/flags/enable_intent_detection", ContractsJson.Default.FlagView, Cancelled));

        using var back = await _admin.SwitchAsync("enable_intent_detection", null, "\"1\"", Cancelled);
        var normal = await back.Content.ReadFromJsonAsync(ContractsJson.Default.FlagView, Cancelled);
        Assert.Equal((true, null, 2L), (normal!.Enabled, normal.UpdatedBy, normal.Version));
        Assert.Equal(
            ["From default (on) to off.", "From off to default (on)."],
            (await EntriesAsync("flag_changed")).Select(entry => entry.Detail));
    }

    [Fact]
    public async Task Who_did_not_see_the_newest_version_changes_nothing()
    {
        using var first = await _admin.SwitchAsync("enable_metrics_collection", false, "\"0\"", Cancelled);
        using var late = await _admin.SwitchAsync("enable_metrics_collection", true, "\"0\"", Cancelled);
        Assert.Equal(HttpStatusCode.PreconditionFailed, late.StatusCode);
        var problem = await late.Content.ReadFromJsonAsync(ContractsJson.Default.Problem, Cancelled);
        Assert.Equal("version_conflict", problem!.Code);
        Assert.False(problem.Current!.Value.GetProperty("enabled").GetBoolean());

        using var blind = await _admin.SwitchAsync("enable_metrics_collection", true, null, Cancelled);
        Assert.Equal(HttpStatusCode.PreconditionRequired, blind.StatusCode);
        using var unknown = await _admin.SwitchAsync("enable_teleportation", true, "*", Cancelled);
        Assert.Equal(HttpStatusCode.NotFound, unknown.StatusCode);
    }

    [Fact]
    public async Task Of_many_first_decisions_at_once_one_wins()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => _admin.SwitchAsync("enable_suggestion_panels", false, "\"0\"", Cancelled)));
        Assert.Single(answers, answer => answer.StatusCode == HttpStatusCode.OK);
        Assert.All(answers.Where(answer => answer.StatusCode != HttpStatusCode.OK), answer => Assert.Equal(HttpStatusCode.PreconditionFailed, answer.StatusCode));
        Assert.Single(await EntriesAsync("flag_changed"));
        foreach (var answer in answers)
        {
            answer.Dispose();
        }
    }

    [Fact]
    public async Task Supervisors_see_the_flags_and_agents_do_not()
    {
        using var supervisor = await _server.SignInAsync(Cancelled, RunningServer.Supervisor);
        using var seen = await supervisor.GetAsync("api/v1/flags", Cancelled);
        Assert.Equal(HttpStatusCode.OK, seen.StatusCode);
        using var switched = await supervisor.SwitchAsync("enable_metrics_collection", false, "*", Cancelled);
        Assert.Equal(HttpStatusCode.Forbidden, switched.StatusCode);

        using var agent = await _server.SignInAsync(Cancelled);
        using var hidden = await agent.GetAsync("api/v1/flags", Cancelled);
        Assert.Equal(HttpStatusCode.Forbidden, hidden.StatusCode);
    }

    /// <summary>A decision that another node wrote into the database.</summary>
    [Fact]
    public async Task A_decision_made_on_another_node_holds_here_within_five_seconds()
    {
        var organisation = Guid.NewGuid();
        var changed = new TaskCompletionSource<(Guid, Flag)>(TaskCreationOptions.RunContinuationsAsynchronously);
        Flags.Changed += (whose, flag) => changed.TrySetResult((whose, flag));
        Assert.True(Flags.IsEnabled(organisation, Flag.FunctionCalling));

        await using (var db = _server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem())
        {
            db.Add(new FlagRow
            {
                OrganisationId = organisation,
                Name = "enable_function_calling",
                Enabled = false,
                UpdatedAt = _server.Services.GetRequiredService<TimeProvider>().GetUtcNow(),
                UpdatedBy = "admin@elsewhere.example",
                Version = 1,
            });
            await db.SaveChangesAsync(Cancelled);
        }

        Assert.Equal((organisation, Flag.FunctionCalling), await changed.Task.WaitAsync(TimeSpan.FromSeconds(5), Cancelled));
        Assert.False(Flags.IsEnabled(organisation, Flag.FunctionCalling));
        Assert.True(Flags.IsEnabled(Guid.NewGuid(), Flag.FunctionCalling));
    }

    [Fact]
    public void An_older_decision_that_arrives_late_changes_nothing()
    {
        var organisation = Guid.NewGuid();
        Flags.Learn(Decision(organisation, version: 2, enabled: false));
        Flags.Learn(Decision(organisation, version: 1, enabled: true));
        Assert.False(Flags.IsEnabled(organisation, Flag.FunctionCalling));
    }

    [Fact]
    public void Asking_costs_no_memory()
    {
        var organisation = Guid.NewGuid();
        Flags.Learn(Decision(organisation, version: 1, enabled: false));
        _ = Flags.IsEnabled(organisation, Flag.FunctionCalling);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            _ = Flags.IsEnabled(organisation, Flag.FunctionCalling);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static FlagRow Decision(Guid organisation, long version, bool enabled) => new()
    {
        OrganisationId = organisation,
        Name = "enable_function_calling",
        Enabled = enabled,
        UpdatedAt = DateTimeOffset.UnixEpoch,
        UpdatedBy = "admin@elsewhere.example",
        Version = version,
    };

    private async Task<List<AuditEntry>> EntriesAsync(string action)
    {
        await using var db = _server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem();
        return await db.Set<AuditEntry>().AsNoTracking().Where(entry => entry.Action == action).OrderBy(entry => entry.Number).ToListAsync(Cancelled);
    }
}

internal static class FlagRequests
{
    /// <param name="ifMatch">Null sends no precondition.</param>
    public static async Task<HttpResponseMessage> SwitchAsync(this HttpClient http, string flag, bool? enabled, string? ifMatch, CancellationToken cancellationToken)
    {
        using var body = JsonContent.Create(new UpdateFlag(enabled), ContractsJson.Default.UpdateFlag);
        using var request = new HttpRequestMessage(HttpMethod.Patch, $"api/v1/flags/{flag}") { Content = body };
        if (ifMatch is not null)
        {
            request.Headers.TryAddWithoutValidation("If-Match", ifMatch);
        }

        return await http.SendAsync(request, cancellationToken);
    }
}
