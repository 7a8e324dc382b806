using System.Text.RegularExpressions;
using Kraliki.Contracts;
using Kraliki.Server.Tests;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Kraliki.Browser.Tests.Assistants;

[Collection(ConsoleFixture.OneAtATime)]
public sealed partial class AssistantsPageTests(ConsoleFixture console)
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_supervisor_writes_an_assistant_saves_it_by_keyboard_compares_and_restores()
    {
        var page = await console.OpenAsAsync(RunningServer.Supervisor, "/assistants");
        await Expect(page.GetByRole(AriaRole.Link, new() { NameRegex = DefaultRow() })).ToBeVisibleAsync();
        await Accessibility.CheckEverywhereAsync(page, "Assistants");
        await page.GetByRole(AriaRole.Link, new() { Name = "New assistant" }).ClickAsync();

        // What is missing is said where it is missing.
        await page.GetByRole(AriaRole.Button, new() { Name = "Save", Exact = true }).ClickAsync();
        await Expect(page.GetByText("Give it a name.")).ToBeVisibleAsync();
        await Expect(page.GetByLabel("Name", new() { Exact = true })).ToBeFocusedAsync();
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync("Night desk");
        await page.GetByLabel("Language").FillAsync("Czech");
        await page.GetByLabel("Instructions").FillAsync("You answer at night.\nBe brief.");
        await page.SaveByKeyAsync();
        await Expect(page.GetByText("Language must be a BCP 47 tag")).ToBeVisibleAsync();
        await page.GetByLabel("Language").FillAsync("cs-CZ");
        await page.GetByLabel("After so many US dollars").FillAsync("2,50");
        await page.SaveByKeyAsync();
        await Expect(page.GetByText("Give an amount such as 2.50, or nothing.")).ToBeVisibleAsync();
        await page.GetByLabel("After so many US dollars").FillAsync("2.50");
        await page.GetByRole(AriaRole.Button, new() { Name = "Add Local (embedded)" }).ClickAsync();
        await page.GetByLabel("Only what is chosen here").CheckAsync();
        await page.GetByLabel("end_call").CheckAsync();
        await page.SaveByKeyAsync();
        await Expect(page.GetByText("Saved as version 1")).ToBeVisibleAsync();
        await Expect(page).ToHaveURLAsync(AssistantUrl());

        await page.GetByLabel("Instructions").FillAsync("You answer at night.\nBe very brief.\nNever promise a price.");
        await page.GetByLabel("What changed").FillAsync("No prices.");
        await Expect(page.GetByText("Unsaved changes")).ToBeVisibleAsync();
        await page.SaveByKeyAsync();
        await Expect(page.GetByText("Saved as version 2")).ToBeVisibleAsync();
        await Expect(page.GetByText("No prices.", new() { Exact = true })).ToBeVisibleAsync();

        await page.GetByRole(AriaRole.Button, new() { Name = "Compare with version 1" }).ClickAsync();
        await Expect(page.Locator(".diff .removed .text")).ToHaveTextAsync(["Be brief."]);
        await Expect(page.Locator(".diff .added .text")).ToHaveTextAsync(["Be very brief.", "Never promise a price."]);
        await Accessibility.CheckEverywhereAsync(page, "Assistant with a comparison");
        await page.GetByRole(AriaRole.Button, new() { Name = "Restore version 1" }).ClickAsync();
        await Expect(page.GetByLabel("Instructions")).ToHaveValueAsync("You answer at night.\nBe brief.");
        await Expect(page.GetByText("repeats version 1")).ToBeVisibleAsync();

        var saved = await (await console.ApiAsync(Cancelled)).GetAssistantAsync(IdOf(page), Cancelled);
        Assert.Equal((3, "cs-CZ", "local", "end_call"), (saved.Version, saved.Content.Language, Assert.Single(saved.Content.Providers!), Assert.Single(saved.Content.Tools!)));
        Assert.Equal(new AssistantLimits(CostCap: 2.50m), saved.Content.Limits);
        await page.GetByRole(AriaRole.Button, new() { Name = "Archive" }).ClickAsync();
        await Expect(page.GetByText("This assistant is archived")).ToBeVisibleAsync();
        await page.CloseAsync();
    }

    [Fact]
    public async Task What_is_not_saved_is_not_lost_by_a_click_and_whoever_was_slower_decides()
    {
        var supervisor = await console.ApiAsync(Cancelled, RunningServer.Supervisor);
        var made = await supervisor.CreateAssistantAsync(new(new("Guarded", "The first.")), Cancelled);
        var page = await console.OpenAsAsync(RunningServer.Supervisor, $"/assistants/{made.Id}");
        await page.GetByLabel("Instructions").FillAsync("Mine.");

        await page.GetByRole(AriaRole.Navigation, new() { Name = "Main" }).GetByRole(AriaRole.Link, new() { Name = "Live desk" }).ClickAsync();
        var dialog = page.GetByRole(AriaRole.Dialog);
        await Expect(dialog).ToContainTextAsync("Leave without saving?");
        await Accessibility.CheckAsync(page, "Leave dialog");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Stay" }).ClickAsync();
        await Expect(page.GetByLabel("Instructions")).ToHaveValueAsync("Mine.");

        await supervisor.SaveAssistantAsync(made.Id, new(new("Guarded", "Theirs.")), 1, Cancelled);
        await page.SaveByKeyAsync();
        var conflict = page.GetByRole(AriaRole.Alert).Filter(new() { HasText = "Somebody else changed this meanwhile" });
        await Expect(conflict).ToContainTextAsync("supervisor@demo.example has saved version 2.");
        await conflict.GetByRole(AriaRole.Button, new() { Name = "Save mine as a new version" }).ClickAsync();
        await Expect(page.GetByText("Saved as version 3")).ToBeVisibleAsync();
        Assert.Equal("Mine.", (await supervisor.GetAssistantAsync(made.Id, Cancelled)).Content.Instructions);

        await page.GetByLabel("Instructions").FillAsync("Thrown away.");
        await page.GetByRole(AriaRole.Link, new() { Name = "Assistants" }).First.ClickAsync();
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Leave without saving" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1, Name = "Assistants" })).ToBeVisibleAsync();
        await supervisor.ArchiveAssistantAsync(made.Id, Cancelled);
        await page.CloseAsync();
    }

    [Fact]
    public async Task An_operator_reads_an_assistant_and_tries_it_in_a_practice_call()
    {
        var supervisor = await console.ApiAsync(Cancelled, RunningServer.Supervisor);
        var made = await supervisor.CreateAssistantAsync(new(new("Tried out", "Be kind.", "Welcome to the practice desk.", Providers: ["local"])), Cancelled);
        var page = await console.OpenAsync($"/assistants/{made.Id}");
        await Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1, Name = "Tried out" })).ToBeVisibleAsync();
        await Expect(page.GetByText("Be kind.")).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Save", Exact = true })).ToHaveCountAsync(0);
        await Accessibility.CheckEverywhereAsync(page, "Assistant, read only");

        await page.GetByRole(AriaRole.Button, new() { Name = "Try it in a practice call" }).ClickAsync();
        var dialog = page.GetByRole(AriaRole.Dialog);
        await Expect(dialog).ToContainTextAsync("You call Tried out, version 1.");
        await dialog.GetByText("Asks for a human").ClickAsync();
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Start the call" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Log)).ToContainTextAsync("Welcome to the practice desk.");

        var session = Guid.Parse(page.Url.Split('/')[^1]);
        var operating = await console.ApiAsync(Cancelled);
        Assert.Equal((made.Id, 1, "local"), await operating.GetSessionAsync(session, Cancelled) is var now ? (now.Assistant, now.AssistantVersion, now.Provider) : default);
        await operating.EndSessionAsync(session, cancellationToken: Cancelled);
        await supervisor.ArchiveAssistantAsync(made.Id, Cancelled);
        await page.CloseAsync();
    }

    private static Guid IdOf(IPage page) => Guid.Parse(page.Url.Split('/')[^1]);

    [GeneratedRegex("/assistants/[0-9a-f-]{36}$")]
    private static partial Regex AssistantUrl();

    [GeneratedRegex("^Travel desk.*Default")]
    private static partial Regex DefaultRow();
}
