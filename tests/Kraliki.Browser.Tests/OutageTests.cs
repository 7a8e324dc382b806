using Kraliki.Contracts;
using Kraliki.Server.Sessions.Calls;
using Kraliki.Voice.Calls;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Kraliki.Browser.Tests;

[Collection(ConsoleFixture.OneAtATime)]
public sealed class OutageTests(ConsoleFixture console)
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Lines_that_are_not_saved_are_marked_until_they_are_and_stay_where_they_are()
    {
        var (call, page) = await OpenCallAsync("+14155550178");
        ICallSink line = call;
        line.Fact(new TurnFinished("a0", LegRole.Ai, "Good morning.", 100, 900));
        var log = page.GetByRole(AriaRole.Log);
        await Expect(log.Locator("[data-saved=true]")).ToHaveCountAsync(1);

        await using (var database = new SqliteConnection($"Data Source={Path.Combine(console.Server.DataDirectory, "kraliki.db")};Pooling=False"))
        {
            await database.OpenAsync(Cancelled);
            await using var held = await database.BeginTransactionAsync(Cancelled);
            line.Fact(new TurnFinished("c1", LegRole.Caller, "I would like to change my booking, please.", 1000, 2000));
            line.Fact(new TurnFinished("a1", LegRole.Ai, "Gladly. For which day?", 2100, 2900));
            line.Partial(new PartialTranscript("c2", LegRole.Caller, "For the", 3000));

            await Expect(log.Locator("[data-saved=false]")).ToHaveCountAsync(2);
            await Expect(log.GetByText("Not yet saved")).ToHaveCountAsync(2);
            await Expect(page.Locator(".waiting")).ToContainTextAsync("The database does not answer: the call goes on. 2 entries wait to be saved.");
            await Expect(page.GetByRole(AriaRole.Status).Filter(new() { HasText = "The database does not answer: the call goes on." })).ToHaveCountAsync(1);
            await Expect(log.GetByText("For the")).ToBeVisibleAsync();
            await Accessibility.CheckAsync(page, "Unsaved lines, light");
            await page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Dark });
            await Accessibility.CheckAsync(page, "Unsaved lines, dark");
        }

        await Expect(log.Locator("[data-saved=false]")).ToHaveCountAsync(0);
        await Expect(page.Locator(".waiting")).ToHaveCountAsync(0);
        Assert.Equal(
            ["Good morning.", "I would like to change my booking, please.", "Gladly. For which day?", "For the"],
            await log.Locator("[data-speaker] .words").AllTextContentsAsync());

        await EndAsync(call, page);
    }

    [Fact]
    public async Task A_caller_who_is_being_brought_back_is_a_calm_state_and_the_gap_a_moment()
    {
        var (call, page) = await OpenCallAsync("+14155550179");
        ICallSink line = call;
        line.Fact(new TurnFinished("a0", LegRole.Ai, "Good morning.", 100, 900));
        line.Fact(new CallInterrupted(EndReason.TalkServerLost, "The server that held the call was lost."));

        var interrupted = page.Locator(".interrupted");
        await Expect(interrupted).ToContainTextAsync("Connection to the caller lost, bringing the call back…");
        await Expect(interrupted.Locator("time")).ToContainTextAsync(new System.Text.RegularExpressions.Regex("0:0[1-9]"));
        await Expect(page.GetByRole(AriaRole.Status).Filter(new() { HasText = "Connection to the caller lost" })).ToHaveCountAsync(1);
        await Accessibility.CheckAsync(page, "Interrupted call, light");
        await page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Dark });
        await Accessibility.CheckAsync(page, "Interrupted call, dark");

        var back = await console.Server.Services.GetRequiredService<LiveCalls>().AttachAsync(call.SessionId, Cancelled);
        await Expect(interrupted).ToHaveCountAsync(0);
        await Expect(page.GetByRole(AriaRole.Log)).ToContainTextAsync("The caller is back after");

        await call.DisposeAsync();
        await EndAsync(back!, page);
    }

    private async Task<(LiveCall Call, IPage Page)> OpenCallAsync(string number)
    {
        var api = await console.ApiAsync(Cancelled);
        var session = await api.CreateSessionAsync(new CreateSession(Provider: "local", PhoneNumber: number), Cancelled);
        var call = await console.Server.Services.GetRequiredService<LiveCalls>().AttachAsync(session.Id, Cancelled);
        call!.Bind(_ => { }, _ => { });
        ((ICallSink)call).Fact(new CarrierConnected("twilio", "CA1", "MZ1"));
        ((ICallSink)call).Fact(new ProviderConnected("local", null, "p1", 12));
        var page = await console.OpenAsync($"/calls/{session.Id}");
        await Expect(page.GetByRole(AriaRole.Log)).ToContainTextAsync("took the call");
        return (call, page);
    }

    private static async Task EndAsync(LiveCall call, IPage page)
    {
        await call.CompleteAsync(new CallOutcome(EndReason.CallerHungUp, "Test."));
        await call.DisposeAsync();
        await Expect(page.Locator(".card .ended")).ToBeVisibleAsync();
        await page.CloseAsync();
    }
}
