using System.Text.RegularExpressions;
using Kraliki.Server.Tests;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Kraliki.Browser.Tests.Assistants;

/// <summary>The editor beside a server that is slow, or away: nothing that was typed is lost, and nothing half is shown.</summary>
[Collection(ConsoleFixture.OneAtATime)]
public sealed partial class AssistantEditingTests(ConsoleFixture console)
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_is_typed_while_it_is_saved_stays_and_is_unsaved()
    {
        var supervisor = await console.ApiAsync(Cancelled, RunningServer.Supervisor);
        var page = await console.OpenAsAsync(RunningServer.Supervisor, "/assistants/new");
        var instructions = page.GetByLabel("Instructions");
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync("Typed fast");
        await instructions.FillAsync("One");

        // Created: the page moves to the new address with what was typed meanwhile, and asks nobody about it.
        await SaveSlowlyAsync(page, "POST", () => instructions.FillAsync("One "));
        await Expect(page).ToHaveURLAsync(AssistantUrl());
        await Expect(instructions).ToHaveValueAsync("One ");
        await instructions.FillAsync("One two");
        await SaveSlowlyAsync(page, "PUT", () => instructions.FillAsync("One two three"));
        await Expect(page.GetByText("Unsaved changes")).ToBeVisibleAsync();
        await Expect(instructions).ToHaveValueAsync("One two three");
        await Expect(page.GetByText("Saved as version")).ToHaveCountAsync(0);
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Compare with version 2" })).ToBeVisibleAsync();

        // The guard speaks, and the next save is no conflict with the one before.
        await page.GetByRole(AriaRole.Link, new() { Name = "Assistants" }).First.ClickAsync();
        var dialog = page.GetByRole(AriaRole.Dialog);
        await Expect(dialog).ToContainTextAsync("Leave without saving?");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Stay" }).ClickAsync();
        await page.SaveByKeyAsync();
        await Expect(page.GetByText("Saved as version 3")).ToBeVisibleAsync();
        var saved = await supervisor.GetAssistantAsync(IdOf(page), Cancelled);
        Assert.Equal((3, "One two three"), (saved.Version, saved.Content.Instructions));
        await supervisor.ArchiveAssistantAsync(saved.Id, Cancelled);
        await page.CloseAsync();
    }

    [Fact]
    public async Task An_editor_without_its_choices_is_loaded_again_as_a_whole()
    {
        var supervisor = await console.ApiAsync(Cancelled, RunningServer.Supervisor);
        var made = await supervisor.CreateAssistantAsync(new(new("Half there", "Be kind.")), Cancelled);
        var page = await console.OpenAsAsync(RunningServer.Supervisor, "/assistants");
        await page.RouteAsync("**/api/v1/assistants/tools", Refuse);
        await page.GetByRole(AriaRole.Link, new() { Name = "Half there" }).ClickAsync();
        var alert = page.GetByRole(AriaRole.Alert).Filter(new() { HasText = "Away for a moment." });
        await Expect(alert).ToBeVisibleAsync();
        await Expect(page.GetByLabel("Instructions")).ToHaveCountAsync(0);

        await page.UnrouteAllAsync();
        await alert.GetByRole(AriaRole.Button, new() { Name = "Try again" }).ClickAsync();
        await Expect(page.GetByLabel("Instructions")).ToHaveValueAsync("Be kind.");
        await page.GetByLabel("Only what is chosen here").CheckAsync();
        await Expect(page.GetByLabel("end_call")).ToBeVisibleAsync();
        await Expect(alert).ToHaveCountAsync(0);
        await supervisor.ArchiveAssistantAsync(made.Id, Cancelled);
        await page.CloseAsync();
    }

    [Fact]
    public async Task Nothing_of_one_assistant_stays_on_the_page_of_the_next()
    {
        var supervisor = await console.ApiAsync(Cancelled, RunningServer.Supervisor);
        var first = await supervisor.CreateAssistantAsync(new(new("The first", "Its own.")), Cancelled);
        var second = await supervisor.CreateAssistantAsync(new(new("The second", "Its own, too.")), Cancelled);
        var page = await console.OpenAsAsync(RunningServer.Supervisor, $"/assistants/{first.Id}");
        await page.GetByLabel("Instructions").FillAsync("Mine.");
        await page.GetByLabel("What changed").FillAsync("Only of the first.");
        await supervisor.SaveAssistantAsync(first.Id, new(new("The first", "Theirs.")), 1, Cancelled);
        await page.SaveByKeyAsync();
        var conflict = page.GetByText("Somebody else changed this meanwhile");
        await Expect(conflict).ToBeVisibleAsync();

        await page.EvaluateAsync($"() => Blazor.navigateTo('/assistants/{second.Id}')");
        await page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Leave without saving" }).ClickAsync();
        await Expect(page.GetByLabel("Instructions")).ToHaveValueAsync("Its own, too.");
        await Expect(conflict).ToHaveCountAsync(0);
        await Expect(page.GetByLabel("What changed")).ToHaveValueAsync(string.Empty);
        await Expect(page.GetByText("Unsaved changes")).ToHaveCountAsync(0);
        await supervisor.ArchiveAssistantAsync(first.Id, Cancelled);
        await supervisor.ArchiveAssistantAsync(second.Id, Cancelled);
        await page.CloseAsync();
    }

    [Fact]
    public async Task A_version_that_cannot_be_read_says_so_and_is_asked_for_again()
    {
        var supervisor = await console.ApiAsync(Cancelled, RunningServer.Supervisor);
        var made = await supervisor.CreateAssistantAsync(new(new("Read twice", "The first.")), Cancelled);
        await supervisor.SaveAssistantAsync(made.Id, new(new("Read twice", "The second.")), 1, Cancelled);
        var page = await console.OpenAsAsync(RunningServer.Supervisor, $"/assistants/{made.Id}");
        await page.RouteAsync("**/versions/1", Refuse);
        await page.GetByRole(AriaRole.Button, new() { Name = "Compare with version 1" }).ClickAsync();
        var compared = page.GetByRole(AriaRole.Region, new() { Name = "Version 1 and what is on the left" });
        await Expect(compared.GetByRole(AriaRole.Alert)).ToContainTextAsync("Away for a moment.");
        await Expect(compared.Locator(".skeleton")).ToHaveCountAsync(0);
        await Expect(compared.GetByRole(AriaRole.Button, new() { Name = "Restore" })).ToHaveCountAsync(0);
        await Accessibility.CheckEverywhereAsync(page, "A version that cannot be read");

        await page.UnrouteAllAsync();
        await compared.GetByRole(AriaRole.Button, new() { Name = "Try again" }).ClickAsync();
        await Expect(compared.Locator(".diff .removed .text")).ToHaveTextAsync(["The first."]);
        await Expect(compared.GetByText("Away for a moment.")).ToHaveCountAsync(0);
        await supervisor.ArchiveAssistantAsync(made.Id, Cancelled);
        await page.CloseAsync();
    }

    [Fact]
    public async Task A_voice_is_chosen_without_an_order_and_never_out_of_sight()
    {
        var supervisor = await console.ApiAsync(Cancelled, RunningServer.Supervisor);
        var made = await supervisor.CreateAssistantAsync(new(new("Well spoken", "Be kind.", Voices: new Dictionary<string, string> { ["gemini"] = "Kore" })), Cancelled);
        var page = await console.OpenAsAsync(RunningServer.Supervisor, $"/assistants/{made.Id}");
        await Expect(page.GetByLabel("Voice: Gemini Live")).ToHaveValueAsync("Kore");
        await page.GetByLabel("Voice: OpenAI Realtime").FillAsync("marin");
        await page.GetByRole(AriaRole.Button, new() { Name = "Add OpenAI Realtime" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Take out: OpenAI Realtime" }).ClickAsync();
        await Expect(page.GetByLabel("Voice: OpenAI Realtime")).ToHaveValueAsync("marin");
        await Accessibility.CheckEverywhereAsync(page, "Voices of an assistant");
        await page.SaveByKeyAsync();
        await Expect(page.GetByText("Saved as version 2")).ToBeVisibleAsync();

        var saved = await supervisor.GetAssistantAsync(made.Id, Cancelled);
        Assert.Null(saved.Content.Providers);
        Assert.Equal("gemini: Kore, openai: marin", string.Join(", ", saved.Content.Voices!.OrderBy(voice => voice.Key).Select(voice => $"{voice.Key}: {voice.Value}")));
        await supervisor.ArchiveAssistantAsync(made.Id, Cancelled);
        await page.CloseAsync();
    }

    /// <summary>Saves by keyboard, and types again before the server answers.</summary>
    private static async Task SaveSlowlyAsync(IPage page, string method, Func<Task> meanwhile)
    {
        var sent = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var answer = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await page.RouteAsync(AssistantRequest(), async route =>
        {
            if (route.Request.Method == method)
            {
                sent.TrySetResult();
                await answer.Task;
            }

            await route.ContinueAsync();
        });
        await page.SaveByKeyAsync();
        await sent.Task.WaitAsync(TimeSpan.FromSeconds(20), Cancelled);
        await meanwhile();
        await page.RunAndWaitForResponseAsync(() => Task.FromResult(answer.TrySetResult()), response => response.Request.Method == method && AssistantRequest().IsMatch(response.Url));
        await page.UnrouteAllAsync();
    }

    private static Task Refuse(IRoute route) => route.FulfillAsync(new()
    {
        Status = 500,
        ContentType = "application/problem+json",
        Body = """{"title":"Something went wrong","status":500,"detail":"Away for a moment.","code":"internal_error","request_id":"request-4711"}""",
    });

    private static Guid IdOf(IPage page) => Guid.Parse(page.Url.Split('/')[^1]);

    [GeneratedRegex("/assistants/[0-9a-f-]{36}$")]
    private static partial Regex AssistantUrl();

    [GeneratedRegex("/api/v1/assistants(/[0-9a-f-]{36})?$")]
    private static partial Regex AssistantRequest();
}
