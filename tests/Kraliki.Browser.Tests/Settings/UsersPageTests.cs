using Kraliki.Contracts;
using Kraliki.Server.Tests;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Kraliki.Browser.Tests.Settings;

[Collection(ConsoleFixture.OneAtATime)]
public sealed class UsersPageTests(ConsoleFixture console)
{
    [Fact]
    public async Task An_administrator_invites_people_sends_once_more_and_withdraws_by_keyboard()
    {
        var page = await console.OpenAsAsync(RunningServer.Admin, "/settings/users");
        await Expect(page.GetByRole(AriaRole.Row).Filter(new() { HasText = RunningServer.Operator })).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Invite people" }).FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        var dialog = page.GetByRole(AriaRole.Dialog);
        var emails = dialog.GetByLabel("E-mail addresses");
        await Expect(emails).ToBeFocusedAsync();

        // One is new, one belongs here already: the first goes out, the second stays with its reason.
        await page.Keyboard.TypeAsync($"walter@example.org\n{RunningServer.Operator}");
        await page.Keyboard.PressAsync("Tab");
        await page.Keyboard.PressAsync("ArrowDown");
        await Expect(dialog.GetByRole(AriaRole.Radio, new() { Name = "Viewer", Exact = true })).ToBeCheckedAsync();
        await page.Keyboard.PressAsync("Enter");
        await Expect(dialog.GetByRole(AriaRole.Alert)).ToContainTextAsync($"{RunningServer.Operator}: ");
        await Expect(emails).ToHaveValueAsync(RunningServer.Operator);
        await Expect(emails).ToBeFocusedAsync();
        await Accessibility.CheckAsync(page, "Invite dialog");
        await page.Keyboard.PressAsync("Escape");
        await Expect(dialog).ToHaveCountAsync(0);

        var open = page.GetByRole(AriaRole.Region, new() { Name = "Open invitations" }).GetByRole(AriaRole.Listitem).Filter(new() { HasText = "walter@example.org" });
        await Expect(open).ToContainTextAsync("Viewer");
        await Expect(open).ToContainTextAsync("invited by");
        Assert.Single(await MailsToAsync("walter@example.org"));

        await open.GetByRole(AriaRole.Button, new() { Name = "Send again" }).FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.GetByText("A new mail to walter@example.org is on its way")).ToBeVisibleAsync();
        Assert.Equal(2, (await MailsToAsync("walter@example.org")).Count);

        await open.GetByRole(AriaRole.Button, new() { Name = "Withdraw" }).FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await Expect(open).ToHaveCountAsync(0);
        await page.CloseAsync();
    }

    [Fact]
    public async Task A_role_is_changed_by_keyboard_with_a_second_look_before_administrator_and_can_be_taken_back()
    {
        var member = await console.AddMemberAsync("Rosa Role", UserRole.Agent, TestContext.Current.CancellationToken);
        var page = await console.OpenAsAsync(RunningServer.Admin, "/settings/users");
        var row = page.GetByRole(AriaRole.Row).Filter(new() { HasText = "Rosa Role" });
        await row.GetByRole(AriaRole.Button, new() { Name = "Change role: Rosa Role" }).FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        var dialog = page.GetByRole(AriaRole.Dialog);
        await dialog.GetByRole(AriaRole.Radio, new() { Name = "Operator", Exact = true }).FocusAsync();
        await page.Keyboard.PressAsync("ArrowUp");
        await Expect(dialog.GetByRole(AriaRole.Button, new() { Name = "Change role" })).ToBeEnabledAsync();
        await page.Keyboard.PressAsync("ArrowUp");
        await Expect(dialog.GetByText("Rosa Role will be able to change every role")).ToBeVisibleAsync();
        await Accessibility.CheckAsync(page, "Role dialog");

        await dialog.GetByRole(AriaRole.Button, new() { Name = "Make administrator" }).FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await Expect(dialog).ToHaveCountAsync(0);
        await Expect(row).ToContainTextAsync("Administrator");
        Assert.Equal(UserRole.Admin, (await NowAsync(member)).Role);

        await page.GetByRole(AriaRole.Button, new() { Name = "Undo" }).ClickAsync();
        await Expect(row).ToContainTextAsync("Operator");
        Assert.Equal(UserRole.Agent, (await NowAsync(member)).Role);
        await page.CloseAsync();
    }

    [Fact]
    public async Task Deactivation_is_said_and_undone()
    {
        var member = await console.AddMemberAsync("Dora Door", UserRole.Viewer, TestContext.Current.CancellationToken);
        var page = await console.OpenAsAsync(RunningServer.Admin, "/settings/users");
        var row = page.GetByRole(AriaRole.Row).Filter(new() { HasText = "Dora Door" });
        await row.GetByRole(AriaRole.Button, new() { Name = "Deactivate: Dora Door" }).ClickAsync();
        await Expect(page.GetByText("Dora Door was deactivated and signed out everywhere.")).ToBeVisibleAsync();
        await Expect(row).ToContainTextAsync("Deactivated");
        Assert.Equal(MemberStatus.Deactivated, (await NowAsync(member)).Status);
        await Accessibility.CheckAsync(page, "Users with a message");

        await page.GetByRole(AriaRole.Button, new() { Name = "Undo" }).ClickAsync();
        await Expect(row).ToContainTextAsync("Active");
        Assert.Equal(MemberStatus.Active, (await NowAsync(member)).Status);
        await page.CloseAsync();
    }

    [Fact]
    public async Task Whoever_was_slower_sees_the_person_as_they_are_now_and_decides_again()
    {
        var member = await console.AddMemberAsync("Cara Conflict", UserRole.Agent, TestContext.Current.CancellationToken);
        var page = await console.OpenAsAsync(RunningServer.Admin, "/settings/users");
        var row = page.GetByRole(AriaRole.Row).Filter(new() { HasText = "Cara Conflict" });
        await Expect(row).ToContainTextAsync("Operator");
        var api = await console.ApiAsync(TestContext.Current.CancellationToken, RunningServer.Admin);
        await api.UpdateUserAsync(member.Id, new UpdateUser(Role: UserRole.Supervisor), member.Version, TestContext.Current.CancellationToken);

        await row.GetByRole(AriaRole.Button, new() { Name = "Change role: Cara Conflict" }).ClickAsync();
        var dialog = page.GetByRole(AriaRole.Dialog);
        await dialog.GetByRole(AriaRole.Radio, new() { Name = "Viewer", Exact = true }).CheckAsync();
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Change role" }).ClickAsync();
        var conflict = dialog.GetByRole(AriaRole.Alert).Filter(new() { HasText = "Cara Conflict is now Supervisor (active)." });
        await Accessibility.CheckAsync(page, "Conflict in the role dialog");
        await conflict.GetByRole(AriaRole.Button, new() { Name = "Change role" }).ClickAsync();
        await Expect(dialog).ToHaveCountAsync(0);
        await Expect(row).ToContainTextAsync("Viewer");

        // The same without a dialog between.
        var now = await NowAsync(member);
        await api.UpdateUserAsync(member.Id, new UpdateUser(Role: UserRole.Agent), now.Version, TestContext.Current.CancellationToken);
        await row.GetByRole(AriaRole.Button, new() { Name = "Deactivate: Cara Conflict" }).ClickAsync();
        var note = page.GetByRole(AriaRole.Alert).Filter(new() { HasText = "Cara Conflict is now Operator (active)." });
        await note.GetByRole(AriaRole.Button, new() { Name = "Leave it so" }).ClickAsync();
        await Expect(note).ToHaveCountAsync(0);
        await Expect(row).ToContainTextAsync("Operator");
        Assert.Equal(MemberStatus.Active, (await NowAsync(member)).Status);
        await page.CloseAsync();
    }

    [Fact]
    public async Task The_last_administrator_is_kept_in_plain_words_and_nobody_changes_their_own_row()
    {
        var page = await console.OpenAsAsync(RunningServer.Admin, "/settings/users");
        var own = page.GetByRole(AriaRole.Row).Filter(new() { HasText = RunningServer.Admin });
        await Expect(own).ToContainTextAsync("You");
        await Expect(own.GetByRole(AriaRole.Button)).ToHaveCountAsync(0);

        // Two administrators at the same moment can run into it; here the server's answer is put in its place.
        await page.RouteAsync("**/api/v1/users/*", route => route.FulfillAsync(new()
        {
            Status = 409,
            ContentType = "application/problem+json",
            Body = """{"title":"Conflict","status":409,"code":"last_administrator","request_id":"r-1"}""",
        }));
        await page.GetByRole(AriaRole.Button, new() { Name = "Deactivate: " }).First.ClickAsync();
        await Expect(page.GetByRole(AriaRole.Alert).Filter(new() { HasText = "This is the only active administrator." })).ToBeVisibleAsync();
        await page.CloseAsync();
    }

    [Fact]
    public async Task The_list_is_searched_and_filtered_and_fits_every_screen()
    {
        var page = await console.OpenAsAsync(RunningServer.Admin, "/settings/users");
        var rows = page.Locator("tbody tr");
        await Expect(rows.Filter(new() { HasText = RunningServer.Supervisor })).ToBeVisibleAsync();
        await Accessibility.CheckEverywhereAsync(page, "Users");

        await page.GetByLabel("Name or e-mail").FillAsync("supervisor@");
        await Expect(rows).ToHaveCountAsync(1);
        await Expect(rows).ToContainTextAsync(RunningServer.Supervisor);
        await page.GetByLabel("Status", new() { Exact = true }).SelectOptionAsync("Deactivated");
        await Expect(page.GetByText("Nobody matches.")).ToBeVisibleAsync();

        await page.GetByLabel("Status", new() { Exact = true }).SelectOptionAsync("");
        await page.GetByLabel("Name or e-mail").FillAsync("");
        await page.GetByLabel("Role", new() { Exact = true }).SelectOptionAsync("Supervisor");
        await Expect(rows.Filter(new() { HasText = RunningServer.Supervisor })).ToBeVisibleAsync();
        await Expect(rows.Filter(new() { HasText = RunningServer.Admin })).ToHaveCountAsync(0);
        await page.CloseAsync();
    }

    [Fact]
    public async Task A_supervisor_sees_who_works_here_and_changes_nothing()
    {
        var page = await console.OpenAsAsync(RunningServer.Supervisor, "/settings/users");
        await Expect(page.GetByRole(AriaRole.Row).Filter(new() { HasText = RunningServer.Admin })).ToBeVisibleAsync();
        await Expect(page.GetByText("Administrators can change this list.")).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Region, new() { Name = "Open invitations" })).ToBeVisibleAsync();

        await Expect(page.GetByRole(AriaRole.Button, new() { NameRegex = new("Invite|Change role|Deactivate|Reactivate|Withdraw") })).ToHaveCountAsync(0);
        await page.CloseAsync();
    }

    private async Task<MemberView> NowAsync(MemberView member) =>
        await (await console.ApiAsync(TestContext.Current.CancellationToken, RunningServer.Admin)).GetUserAsync(member.Id, TestContext.Current.CancellationToken);

    private async Task<IReadOnlyList<MailView>> MailsToAsync(string address)
    {
        using var anybody = console.Server.Api();
        return (await anybody.ListMailAsync(address, TestContext.Current.CancellationToken)).Items;
    }
}
