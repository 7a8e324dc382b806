using Kraliki.Client;
using Kraliki.Contracts;
using Kraliki.Server.Tests;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Kraliki.Browser.Tests.Settings;

[Collection(ConsoleFixture.OneAtATime)]
public sealed class AuditPageTests(ConsoleFixture console)
{
    [Fact]
    public async Task The_log_is_searched_read_and_taken_along()
    {
        var page = await console.OpenAsAsync(RunningServer.Admin, "/settings/audit");
        var refused = await Assert.ThrowsAsync<KralikiException>(
            async () => await (await console.ApiAsync(TestContext.Current.CancellationToken)).SearchAuditAsync(cancellationToken: TestContext.Current.CancellationToken));
        Assert.Equal("forbidden", refused.Code);

        var log = page.GetByRole(AriaRole.Region, new() { Name = "Audit log" });
        await log.GetByLabel("Who", new() { Exact = true }).FillAsync("operator@");
        await log.GetByLabel("What", new() { Exact = true }).SelectOptionAsync("permission_refused");
        var entry = log.GetByRole(AriaRole.Listitem).First;
        await Expect(entry).ToContainTextAsync("operator@demo.example asked for what needs the permission audit.read, and was refused · GET /api/v1/audit");
        await Expect(log.GetByRole(AriaRole.Listitem).Filter(new() { HasNotText = "was refused" })).ToHaveCountAsync(0);

        await entry.Locator("summary").FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await Expect(entry.GetByText("Request id")).ToBeVisibleAsync();
        await Accessibility.CheckEverywhereAsync(page, "Audit log");

        var file = await page.RunAndWaitForDownloadAsync(() => page.GetByRole(AriaRole.Link, new() { Name = "Export CSV" }).ClickAsync());
        var lines = await File.ReadAllLinesAsync(await file.PathAsync(), TestContext.Current.CancellationToken);
        Assert.EndsWith("number,at,actor,action,subject,detail,address,request_id", lines[0]);
        Assert.All(lines.Skip(1), line => Assert.Contains("permission_refused", line));
        Assert.True(lines.Length > 1, "The file holds no entry.");

        await log.GetByLabel("From").FillAsync("2099-01-01");
        await Expect(log.GetByText("No entry matches.")).ToBeVisibleAsync();
        await page.CloseAsync();
    }

    [Fact]
    public async Task More_entries_come_page_by_page_newest_first()
    {
        var api = await console.ApiAsync(TestContext.Current.CancellationToken, RunningServer.Admin);
        while ((await api.SearchAuditAsync(cancellationToken: TestContext.Current.CancellationToken)).NextCursor is null)
        {
            using var stranger = console.Server.Api();
            await stranger.LoginAsync(RunningServer.Admin, console.Server.Password, TokenTransport.Body, TestContext.Current.CancellationToken);
        }

        var page = await console.OpenAsAsync(RunningServer.Admin, "/settings/audit");
        var entries = page.GetByRole(AriaRole.Region, new() { Name = "Audit log" }).Locator("details");
        await Expect(entries.First).ToBeVisibleAsync();
        var first = await entries.CountAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Show more" }).ClickAsync();
        await Expect(entries.Nth(first)).ToBeVisibleAsync();

        var times = await page.Locator("summary time").EvaluateAllAsync<string[]>("times => times.map(time => time.dateTime)");
        Assert.Equal(times.OrderDescending(StringComparer.Ordinal), times);
        await page.CloseAsync();
    }

    [Fact]
    public async Task The_chain_is_verified_and_the_result_is_plain()
    {
        var page = await console.OpenAsAsync(RunningServer.Admin, "/settings/audit");
        var verify = page.GetByRole(AriaRole.Button, new() { Name = "Verify the chain" });
        await verify.ClickAsync();
        await Expect(page.GetByRole(AriaRole.Status).GetByText("Intact:")).ToBeVisibleAsync();

        // What a damaged log looks like; that the server finds the damage is shown by its own tests.
        await page.RouteAsync("**/api/v1/audit/verification", route => route.FulfillAsync(new()
        {
            ContentType = "application/json",
            Body = """
                {"intact":false,"entries":812,"verified_at":"2026-01-02T03:04:05Z","problems":[
                {"number":7,"fault":"changed","detail":"The detail is not the one that was written."},
                {"number":12,"fault":"removed","detail":"Entries 10 to 11 are gone."}]}
                """,
        }));
        await verify.ClickAsync();
        await Expect(page.GetByRole(AriaRole.Status).GetByText("Not intact. 812 entries were checked")).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Listitem).Filter(new() { HasText = "No. 7, changed: The detail is not the one that was written." })).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Listitem).Filter(new() { HasText = "No. 12, removed: Entries 10 to 11 are gone." })).ToBeVisibleAsync();
        await Accessibility.CheckEverywhereAsync(page, "Broken chain");
        await page.CloseAsync();
    }
}
