using System.Text.RegularExpressions;
using Kraliki.Contracts;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Kraliki.Browser.Tests;

[Collection(ConsoleFixture.OneAtATime)]
public sealed partial class PracticeCallTests(ConsoleFixture console)
{
    [Fact]
    public async Task A_practice_call_is_placed_heard_and_read_to_its_end()
    {
        var page = await console.OpenAsync("/");
        await PlaceAsync(page, "Asks for a human");
        var log = page.GetByRole(AriaRole.Log);

        // Heard: the levels shown while listening are measured on the audio that the worklet plays.
        await page.GetByRole(AriaRole.Button, new() { Name = "Listen", Exact = true }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Stop listening" })).ToHaveAttributeAsync("aria-pressed", "true");
        await LevelRisesAsync(page, "Assistant");
        await LevelRisesAsync(page, "Caller");

        // Read: both speakers, told apart by name.
        await Expect(log.Locator("[data-speaker=ai][data-final=true]").First).ToContainTextAsync("Assistant");
        await Expect(log.Locator("[data-speaker=caller][data-final=true]").First).ToContainTextAsync("Caller");
        await Accessibility.CheckAsync(page, "Live call, light");

        // The end: in words, with controls that say why they rest, and the report.
        await Expect(page.Locator(".card .ended")).ToBeVisibleAsync();
        await Expect(page.Locator("#bar-reason")).ToHaveTextAsync("The call is over.");
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "End call" })).ToHaveAttributeAsync("aria-disabled", "true");
        await Expect(page.Locator(".verdict")).ToBeVisibleAsync();
        await Expect(log.Locator("[data-final=false]")).ToHaveCountAsync(0);
        await page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Dark });
        await Accessibility.CheckAsync(page, "Ended call with report, dark");

        // Read again afterwards, from the journal, and taken along.
        var lines = await log.Locator("[data-speaker]").CountAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Open the transcript page" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Call transcript" })).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Log).Locator("[data-speaker]")).ToHaveCountAsync(lines);
        var download = await page.RunAndWaitForDownloadAsync(() => page.GetByRole(AriaRole.Link, new() { Name = "WebVTT" }).ClickAsync());
        Assert.StartsWith("WEBVTT", await File.ReadAllTextAsync(await download.PathAsync(), TestContext.Current.CancellationToken));
        await Accessibility.CheckAsync(page, "Transcript page, dark");
        await page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Light });
        await Accessibility.CheckAsync(page, "Transcript page, light");
        await page.CloseAsync();
    }

    [Fact]
    public async Task The_operator_tells_the_assistant_something_and_ends_the_call()
    {
        var page = await console.OpenAsync("/");
        await PlaceAsync(page, "Says nothing");
        await Expect(page.Locator(".card").GetByText("Live", new() { Exact = true })).ToBeVisibleAsync();

        var tell = page.GetByLabel("Instruction for the assistant");
        await Expect(tell).ToBeEnabledAsync();
        await page.Keyboard.PressAsync("Control+Shift+S");
        await Expect(tell).ToBeFocusedAsync();
        await tell.FillAsync("Offer the opening hours.");
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.GetByRole(AriaRole.Log).Locator("[data-speaker=operator]")).ToContainTextAsync("Offer the opening hours.");
        await Expect(tell).ToHaveValueAsync(string.Empty);

        await page.GetByRole(AriaRole.Button, new() { Name = "End call" }).ClickAsync();
        await Expect(page.Locator(".card .ended")).ToContainTextAsync("An operator ended the call.");
        await Expect(page.Locator(".card").GetByText("Ended", new() { Exact = true })).ToBeVisibleAsync();
        var api = await console.ApiAsync(TestContext.Current.CancellationToken);
        var session = await api.GetSessionAsync(IdOf(page), TestContext.Current.CancellationToken);
        Assert.Equal(EndReason.OperatorEnded, session.EndReason);
        await page.CloseAsync();
    }

    /// <summary>Through the dialog, by keyboard as well as by pointer, until the call is on the desk.</summary>
    private static async Task PlaceAsync(IPage page, string script)
    {
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Place a practice call" }).First).ToBeVisibleAsync();
        await Expect(page.Locator(".frame")).ToHaveAttributeAsync("aria-busy", "false");
        await page.Keyboard.PressAsync("Control+Shift+D");
        var dialog = page.GetByRole(AriaRole.Dialog);
        await dialog.GetByText(script).ClickAsync();
        await Accessibility.CheckAsync(page, "Practice dialog");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Start the call" }).ClickAsync();
        await Expect(page).ToHaveURLAsync(CallUrl());
    }

    private static async Task LevelRisesAsync(IPage page, string who) =>
        await page.WaitForFunctionAsync(
            "who => Number(document.querySelector(`[role=meter][aria-label=\"${who}\"]`)?.getAttribute('aria-valuenow')) > 20",
            who);

    private static Guid IdOf(IPage page) => Guid.Parse(CallUrl().Match(page.Url).Groups[1].Value);

    [GeneratedRegex("/calls/([0-9a-f-]{36})$")]
    private static partial Regex CallUrl();
}
