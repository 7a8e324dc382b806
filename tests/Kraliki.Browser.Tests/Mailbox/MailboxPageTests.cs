using Kraliki.Server.Tests;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Kraliki.Browser.Tests.Mailbox;

[Collection(ConsoleFixture.OneAtATime)]
public sealed class MailboxPageTests(ConsoleFixture console) : IAsyncLifetime
{
    private IBrowserContext _context = null!;

    public async ValueTask InitializeAsync() => _context = await console.NewContextAsync();

    public async ValueTask DisposeAsync() => await _context.DisposeAsync();

    [Fact]
    public async Task A_stranger_reads_a_mail_that_arrives_by_itself_and_follows_its_link()
    {
        var page = await _context.NewPageAsync();
        await page.GotoAsync("/mailbox");
        await Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1, Name = "Mailbox" })).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Navigation, new() { Name = "Main" }).GetByRole(AriaRole.Link)).ToHaveTextAsync(["Mailbox"]);
        await Expect(page.GetByRole(AriaRole.Link, new() { Name = "Sign in" })).ToBeVisibleAsync();

        var asked = await _context.APIRequest.PostAsync("/api/v1/auth/forgot-password", new() { DataObject = new { email = RunningServer.Supervisor } });
        Assert.True(asked.Ok, $"The mail was not asked for: {asked.Status}");
        await page.GetByRole(AriaRole.Link).Filter(new() { HasText = RunningServer.Supervisor }).First.ClickAsync();
        var mail = page.GetByRole(AriaRole.Article);
        await Expect(mail.GetByRole(AriaRole.Heading)).ToHaveTextAsync("Set a new password");
        await Accessibility.CheckEverywhereAsync(page, "Mailbox");

        var link = mail.GetByRole(AriaRole.Link).Filter(new() { HasText = "/reset?token=" });
        Assert.StartsWith("/reset?token=", await link.GetAttributeAsync("href"));
        await link.ClickAsync();
        await Expect(page.GetByLabel("New password").First).ToBeVisibleAsync();
    }

    [Fact]
    public async Task On_a_phone_a_mail_takes_the_place_of_the_list_and_gives_it_back()
    {
        var asked = await _context.APIRequest.PostAsync("/api/v1/auth/forgot-password", new() { DataObject = new { email = RunningServer.Operator } });
        Assert.True(asked.Ok, $"The mail was not asked for: {asked.Status}");
        var page = await _context.NewPageAsync();
        await page.SetViewportSizeAsync(320, 640);
        await page.GotoAsync("/mailbox");
        var list = page.GetByRole(AriaRole.Heading, new() { Level = 1, Name = "Mailbox" });

        await page.GetByRole(AriaRole.Link).Filter(new() { HasText = RunningServer.Operator }).First.ClickAsync();
        await Expect(page.GetByRole(AriaRole.Article)).ToBeVisibleAsync();
        await Expect(list).ToBeHiddenAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "All mails" }).ClickAsync();
        await Expect(list).ToBeVisibleAsync();
    }

    [Fact]
    public async Task An_installation_with_real_mail_has_no_such_page()
    {
        var page = await _context.NewPageAsync();
        await page.RouteAsync("**/api/v1/mailbox", route => route.FulfillAsync(new()
        {
            Status = 404,
            ContentType = "application/problem+json",
            Body = """{"title":"Not found","status":404,"code":"not_found"}""",
        }));
        await page.GotoAsync("/mailbox");
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "There is no such page" })).ToBeVisibleAsync();
    }
}
