using System.Net;
using System.Net.Http.Json;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Identity;
using Kraliki.Server.Operations.Flags;
using Kraliki.Server.Tests.Operations.Flags;
using Microsoft.Extensions.DependencyInjection;

namespace Kraliki.Server.Tests.Telephony;

/// <summary>The flag <c>enable_webhook_validation</c>.</summary>
public sealed class UnsignedWebhookTests
{
    private const string Flag = "enable_webhook_validation";

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Unsigned_webhooks_are_let_in_while_the_demos_admin_wants_it_and_everybody_is_told()
    {
        await using var server = await TelephonyServer.StartAsync(Cancelled);
        using var admin = await server.Sessions.Host.SignInAsync(Cancelled, RunningServer.Admin);
        using var carrier = server.Carrier();

        using var off = await admin.SwitchAsync(Flag, false, "*", Cancelled);
        Assert.Equal(HttpStatusCode.OK, off.StatusCode);
        using var open = await carrier.PostAsync("telephony/twilio/voice", Cancelled, sign: (_, _) => null);
        Assert.Equal(["Connect"], (await TwimlAnswer.ReadAsync(open, Cancelled)).Verbs);
        var entry = await server.AuditOfAsync(carrier.RequestId, Cancelled);
        Assert.Equal(("webhook_unverified", "carrier", server.Sessions.Organisation), (entry.Action, entry.Actor, entry.OrganisationId));
        Assert.Contains(await NoticesAsync(), notice => notice.StartsWith("Webhook validation is off", StringComparison.Ordinal));

        using var on = await admin.SwitchAsync(Flag, null, "*", Cancelled);
        using var refused = await carrier.PostAsync("telephony/twilio/voice", Cancelled, sign: (_, _) => null);
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.DoesNotContain(await NoticesAsync(), notice => notice.StartsWith("Webhook validation is off", StringComparison.Ordinal));

        async Task<IReadOnlyList<string>> NoticesAsync() =>
            (await admin.GetFromJsonAsync("api/v1/console-info", ContractsJson.Default.ConsoleInfo, Cancelled))!.Notices;
    }

    [Fact]
    public async Task An_unsigned_webhook_reaches_no_other_organisation_than_the_one_that_accepts_it()
    {
        await using var server = await TelephonyServer.StartAsync(Cancelled);
        using var admin = await server.Sessions.Host.SignInAsync(Cancelled, RunningServer.Admin);
        using var off = await admin.SwitchAsync(Flag, false, "*", Cancelled);
        var other = new Organisation { Id = Guid.CreateVersion7(), Name = "Older", CreatedAt = DateTimeOffset.UnixEpoch };
        await using (var db = server.Sessions.Get<KralikiDbFactory>().OpenForSystem())
        {
            db.Add(other);
            await db.SaveChangesAsync(Cancelled);
        }

        var session = await server.Sessions.CreateAsync(Cancelled, provider: "openai", organisation: other.Id);
        using var stranger = server.Carrier();
        using var ring = await stranger.PostAsync($"telephony/twilio/voice?session={session.Id}", Cancelled, sign: (_, _) => null);
        Assert.Equal(["Reject"], (await TwimlAnswer.ReadAsync(ring, Cancelled)).Verbs);

        using var carrier = server.Carrier();
        Assert.Equal(["Connect"], (await carrier.RingAsync(Cancelled, session.Id)).Verbs);
        using var again = await carrier.PostAsync("telephony/twilio/voice", Cancelled, sign: (_, _) => null);
        Assert.Equal(["Reject"], (await TwimlAnswer.ReadAsync(again, Cancelled)).Verbs);
        using var ended = await carrier.PostAsync("telephony/twilio/status", Cancelled, new Dictionary<string, string> { ["CallStatus"] = "completed" }, (_, _) => null);
        Assert.Equal(SessionState.Created, (await server.Sessions.RowAsync(session.Id, Cancelled)).State);
        using var after = await carrier.PostAsync("telephony/twilio/after-stream", Cancelled, sign: (_, _) => null);
        Assert.Equal(["Hangup"], (await TwimlAnswer.ReadAsync(after, Cancelled)).Verbs);
    }

    [Fact]
    public async Task Outside_the_demo_the_check_cannot_be_switched_off_and_what_a_demo_left_behind_counts_for_nothing()
    {
        var directory = Directory.CreateTempSubdirectory("kraliki-test-").FullName;
        try
        {
            await using (var demo = await RunningServer.StartAsync(Cancelled, new ServerSetup(directory, RunningServer.Silent)))
            {
                using var first = await demo.SignInAsync(Cancelled, RunningServer.Admin);
                using var off = await first.SwitchAsync(Flag, false, "*", Cancelled);
                Assert.Equal(HttpStatusCode.OK, off.StatusCode);
            }

            var settings = new Dictionary<string, string>(TestCarrier.Settings) { ["Kraliki:Demo"] = "false" };
            await using var server = await RunningServer.StartAsync(Cancelled, new ServerSetup(directory, settings));
            var flags = server.Services.GetRequiredService<FeatureFlags>();
            Assert.True(flags.IsEnabled(FirstAccounts.OrganisationId, Kraliki.Server.Operations.Flags.Flag.WebhookValidation));
            using var carrier = new TestCarrier(server.Url);
            using var unsigned = await carrier.PostAsync("telephony/twilio/voice", Cancelled, sign: (_, _) => null);
            Assert.Equal(HttpStatusCode.Forbidden, unsigned.StatusCode);
        }
        finally
        {
            Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
            Directory.Delete(directory, recursive: true);
        }
    }

    [Fact]
    public async Task Outside_the_demo_the_flag_is_locked()
    {
        var settings = new Dictionary<string, string> { ["Kraliki:Demo"] = "false" };
        await using var server = await RunningServer.StartAsync(Cancelled, new ServerSetup(Settings: settings));
        using var admin = await server.SignInAsync(Cancelled, "admin@kraliki.example");
        var view = await admin.GetFromJsonAsync($"api/v1/flags/{Flag}", ContractsJson.Default.FlagView, Cancelled);
        Assert.Equal("Webhooks without a signature are let in in demo mode only.", view!.Locked);
        using var refused = await admin.SwitchAsync(Flag, false, "*", Cancelled);
        Assert.Equal(HttpStatusCode.Conflict, refused.StatusCode);
        Assert.Equal("flag_locked", (await refused.Content.ReadFromJsonAsync(ContractsJson.Default.Problem, Cancelled))!.Code);
    }
}
