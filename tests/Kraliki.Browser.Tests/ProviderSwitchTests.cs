using System.Text.RegularExpressions;
using Kraliki.Contracts;
using Kraliki.Server.Providers;
using Kraliki.Server.Tests;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Kraliki.Browser.Tests;

/// <summary>Who has a call is seen and changed on the live desk: once through a whole practice call, and step by step on a line whose facts the test makes.</summary>
[Collection(ConsoleFixture.OneAtATime)]
public sealed partial class ProviderSwitchTests(ConsoleFixture console)
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_practice_call_goes_through_every_provider_and_is_heard_from_each()
    {
        var page = await console.OpenAsync("/");
        await PlaceAsync(page, "Moves a booking to another day", "OpenAI");
        var provider = new ProviderMenu(page);
        var answers = page.GetByRole(AriaRole.Log).Locator("[data-speaker=ai][data-final=true]");
        await Expect(provider.Chip).ToContainTextAsync("OpenAI");
        await Expect(provider.Chip).ToContainTextAsync("Simulated");
        await page.GetByRole(AriaRole.Button, new() { Name = "Listen", Exact = true }).ClickAsync();
        await Expect(answers.First).ToBeVisibleAsync();

        // By keyboard, at the next pause: the shortcut opens the menu.
        await page.Keyboard.PressAsync("Control+Shift+F");
        await provider.Choice("Gemini Live").FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await Expect(provider.Panel).ToBeHiddenAsync();
        await Expect(provider.Notice).ToContainTextAsync("Switched from OpenAI to Gemini by operator@demo.example after");
        await HeardAsync("Gemini");

        // The others at once, each in the middle of whatever is going on.
        foreach (var (title, name) in new[] { ("Deepgram Voice Agent", "Deepgram Voice Agent"), ("Local (embedded)", "Local assistant"), ("Deepgram", "Deepgram") })
        {
            await provider.OpenAsync();
            await provider.Panel.GetByText("At once").ClickAsync();
            await provider.Choice(title).ClickAsync();
            await Expect(provider.Notice).ToContainTextAsync($"to {name} by operator@demo.example after");
            await HeardAsync(name);
        }

        await Expect(page.Locator(".verdict")).ToContainTextAsync("All expectations met");
        await Expect(page.GetByRole(AriaRole.Log).GetByText("Switched from")).ToHaveCountAsync(4);
        var session = Guid.Parse(CallUrl().Match(page.Url).Groups[1].Value);
        var api = await console.ApiAsync(Cancelled);
        var history = await api.GetSwitchHistoryAsync(session, Cancelled);
        Assert.Equal(
            ["openai → gemini", "gemini → deepgram_agent", "deepgram_agent → local", "local → deepgram"],
            history.Items.Select(change => change.Data).OfType<ProviderSwitched>().Where(change => change.Cause == SwitchCause.Requested).Select(change => $"{change.From} → {change.To}"));
        Assert.DoesNotContain(history.Items, change => change.Data is ProviderFailed or ProviderSwitchFailed);
        await page.CloseAsync();

        // One more answer, and the level of it, which is measured on the audio that is played here.
        async Task HeardAsync(string name)
        {
            var before = await answers.CountAsync();
            await Expect(provider.Chip).ToContainTextAsync(name);
            await page.WaitForFunctionAsync("() => Number(document.querySelector('[role=meter][aria-label=\"Assistant\"]')?.getAttribute('aria-valuenow')) > 20");
            await Expect(answers).Not.ToHaveCountAsync(before);
        }
    }

    [Fact]
    public async Task A_switch_is_seen_on_its_way_and_in_what_it_brought_along()
    {
        await using var line = await StagedCall.OpenAsync(console, "+14155550171");
        var page = await console.OpenAsync($"/calls/{line.Session}");
        var provider = new ProviderMenu(page);
        await Expect(provider.Chip).ToContainTextAsync("Local assistant");
        line.Fact(new TurnFinished("c1", LegRole.Caller, "When are you open?", 1_000, 2_000));
        line.Fact(new TurnFinished("a1", LegRole.Ai, "From nine to six.", 2_640, 4_000));
        await Expect(provider.Chip).ToContainTextAsync("Local assistant · 640 ms");

        await provider.OpenAsync();
        await Expect(provider.Panel).ToContainTextAsync("answers 640 ms after the caller's turn");
        await Expect(provider.Choice("Local")).ToContainTextAsync("Has the call");
        await Expect(provider.Choice("Local")).ToHaveAttributeAsync("aria-disabled", "true");
        await Expect(provider.Choice("OpenAI")).ToContainTextAsync("Well");
        await Accessibility.CheckEverywhereAsync(page, "Provider menu");

        await provider.Choice("OpenAI").ClickAsync();
        await Expect(provider.Notice).ToContainTextAsync("Switching to OpenAI at the next pause. Local assistant goes on until then.");
        await Expect(provider.Chip).ToContainTextAsync("Local assistant → OpenAI…");
        var asked = await line.AskedAsync();
        Assert.Equal(("openai", false, RunningServer.Operator), (asked.Target.Name, asked.AtOnce, asked.By));
        await Accessibility.CheckAsync(page, "Switching");

        line.Fact(new ProviderConnected("openai", "gpt-realtime", "p2", 180));
        line.Fact(new ProviderSwitched("local", "openai", SwitchCause.Requested, asked.Reason, asked.By, 900, 0, 12, 2));
        await Expect(provider.Notice).ToContainTextAsync("Switched from Local assistant to OpenAI by operator@demo.example after 900 ms · 12 turns and 2 tool results carried over");
        await Expect(provider.Chip).ToHaveTextAsync(new Regex("OpenAI"));
        await Accessibility.CheckEverywhereAsync(page, "Switched");
        await provider.OpenAsync();
        await provider.Panel.GetByText("History").ClickAsync();
        await Expect(provider.Panel.Locator(".history li")).ToHaveCountAsync(3);
        await page.Keyboard.PressAsync("Escape");
        await Expect(provider.Chip).ToBeFocusedAsync();
        await provider.Notice.GetByRole(AriaRole.Button, new() { Name = "Switch back to Local assistant" }).ClickAsync();
        Assert.Equal(("local", false), await line.AskedAsync() is var regretted ? (regretted.Target.Name, regretted.AtOnce) : default);
        line.Fact(new ProviderSwitchFailed("openai", "local", "Another switch was asked for meanwhile."));

        // At once this time, by the menu.
        await provider.OpenAsync();
        await provider.Panel.GetByText("At once").ClickAsync();
        await provider.Choice("Local").ClickAsync();
        Assert.Equal(("local", true), await line.AskedAsync() is var back ? (back.Target.Name, back.AtOnce) : default);
        line.Fact(new ProviderSwitchFailed("openai", "local", "local did not answer within 3 seconds."));
        await Expect(provider.Notice).ToContainTextAsync("Local assistant did not take over; the call stays with OpenAI. local did not answer within 3 seconds.");
        await Accessibility.CheckEverywhereAsync(page, "Switch failed");
        await provider.Notice.GetByRole(AriaRole.Button, new() { Name = "Dismiss" }).ClickAsync();
        await Expect(provider.Notice).ToHaveTextAsync(string.Empty);
        await Expect(page.GetByRole(AriaRole.Log)).ToContainTextAsync("the call stays with OpenAI");
        await page.CloseAsync();
    }

    [Fact]
    public async Task A_failover_is_told_calmly_and_forced_by_a_button()
    {
        await using var line = await StagedCall.OpenAsync(console, "+14155550172");
        var page = await console.OpenAsync($"/calls/{line.Session}");
        var provider = new ProviderMenu(page);
        await Expect(provider.Chip).ToContainTextAsync("Local assistant");

        line.Fact(new ProviderFailed("local", ProviderFailure.Stalled, "local said nothing for 8 seconds although it was its turn."));
        await Expect(provider.Notice).ToContainTextAsync("Local assistant stopped answering. Another provider is taking over…");
        await Expect(provider.Chip).ToContainTextAsync("Local assistant failed…");
        await Accessibility.CheckAsync(page, "Failing");
        line.Fact(new ProviderConnected("openai", null, "p2", 90));
        line.Fact(new ProviderSwitched("local", "openai", SwitchCause.Failover, "local said nothing.", "server", 412, 1_400, 3, 0));
        await Expect(provider.Notice).ToContainTextAsync("Continued on OpenAI after 412 ms · heard 1.4 s of the caller again · 3 turns carried over");
        await Expect(provider.Notice.GetByRole(AriaRole.Button, new() { Name = "Switch back" })).ToHaveCountAsync(0);
        await Expect(provider.Chip).ToContainTextAsync("OpenAI stands in");

        await provider.OpenAsync();
        await provider.Panel.GetByRole(AriaRole.Button, new() { Name = "Fail over now" }).ClickAsync();
        await Expect(provider.Notice).ToContainTextAsync("Looking for another provider…");
        var asked = await line.AskedAsync();
        Assert.True(asked is { AtOnce: true, Target.Name: not "openai" }, $"{asked.Target.Name} was asked for, at once: {asked.AtOnce}.");
        await page.CloseAsync();
    }

    [Fact]
    public async Task A_provider_that_rests_is_tried_only_after_a_question()
    {
        var openAI = console.Server.Services.GetRequiredService<VoiceProviders>().Find("openai")!;
        var breakers = console.Server.Services.GetRequiredService<Breakers>();
        await using var line = await StagedCall.OpenAsync(console, "+14155550173");
        breakers.Failed(openAI, ProviderFailure.Unauthorized, "The key was refused.");
        try
        {
            var page = await console.OpenAsync($"/calls/{line.Session}");
            var provider = new ProviderMenu(page);
            await provider.OpenAsync();
            await Expect(provider.Choice("OpenAI")).ToContainTextAsync("Resting");
            await Expect(provider.Choice("OpenAI")).ToContainTextAsync("The key was refused.");
            await provider.Choice("OpenAI").ClickAsync();
            await Expect(provider.Panel).ToContainTextAsync("Calls are kept from OpenAI Realtime at present");
            await Accessibility.CheckEverywhereAsync(page, "Asked about a resting provider");
            await provider.Panel.GetByRole(AriaRole.Button, new() { Name = "Try it all the same" }).ClickAsync();
            Assert.Equal("openai", (await line.AskedAsync()).Target.Name);
            await page.CloseAsync();
        }
        finally
        {
            await breakers.ResetAsync(openAI, RunningServer.Admin, Cancelled);
        }
    }

    [Fact]
    public async Task A_switch_that_the_server_refuses_says_why_and_nothing_is_awaited()
    {
        await using var line = await StagedCall.OpenAsync(console, "+14155550174");
        var page = await console.OpenAsync($"/calls/{line.Session}");
        var provider = new ProviderMenu(page);
        await provider.OpenAsync();

        // Its breaker opens between the look and the choice.
        await page.RouteAsync($"**/api/v1/sessions/{line.Session}/switch-provider", route => route.FulfillAsync(new()
        {
            Status = 409,
            ContentType = "application/problem+json",
            Body = """{"title":"Conflict","status":409,"detail":"Calls are kept from OpenAI Realtime at present.","code":"provider_unhealthy"}""",
        }));
        await provider.Choice("OpenAI").ClickAsync();
        await Expect(provider.Notice).ToContainTextAsync("The call was not switched. Calls are kept from OpenAI Realtime at present.");
        await Expect(provider.Chip).ToContainTextAsync("Local assistant");

        await page.UnrouteAllAsync();
        await provider.Notice.GetByRole(AriaRole.Button, new() { Name = "Try it all the same" }).ClickAsync();
        Assert.Equal("openai", (await line.AskedAsync()).Target.Name);
        await page.CloseAsync();
    }

    [Fact]
    public async Task Who_takes_over_is_put_in_order_and_a_conflict_is_decided_again()
    {
        await using var line = await StagedCall.OpenAsync(console, "+14155550175");
        var page = await console.OpenAsync($"/calls/{line.Session}");
        var provider = new ProviderMenu(page);
        await provider.OpenAsync();
        await provider.Panel.GetByRole(AriaRole.Button, new() { Name = "Who takes over…" }).ClickAsync();
        var dialog = page.GetByRole(AriaRole.Dialog);
        await dialog.GetByText("Only these, in this order").ClickAsync();
        await Expect(dialog).ToContainTextAsync("Choose at least one provider.");
        await Expect(dialog.GetByRole(AriaRole.Button, new() { Name = "Save" })).ToBeDisabledAsync();
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Move Local (embedded) up" }).ClickAsync();
        await dialog.GetByRole(AriaRole.Checkbox, new() { Name = "OpenAI Realtime" }).CheckAsync();
        await dialog.GetByRole(AriaRole.Checkbox, new() { Name = "Local (embedded)" }).CheckAsync();
        await dialog.GetByLabel("Seconds of silence").FillAsync("99");
        await Expect(dialog.GetByRole(AriaRole.Button, new() { Name = "Save" })).ToBeDisabledAsync();
        await dialog.GetByLabel("Seconds of silence").FillAsync("4");
        await Expect(dialog.Locator(".effect li")).ToHaveTextAsync([new Regex("Local"), new Regex("OpenAI Realtime")]);
        await Accessibility.CheckEverywhereAsync(page, "Who takes over");

        // Somebody else is faster.
        using var supervisor = await console.ApiAsync(Cancelled, RunningServer.Supervisor);
        await supervisor.SetFailoverPolicyAsync(line.Session, new FailoverPolicy(false, [], 9), (await supervisor.GetSessionAsync(line.Session, Cancelled)).Version, Cancelled);
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Save" }).ClickAsync();
        var conflict = dialog.GetByRole(AriaRole.Alert).Filter(new() { HasText = "Somebody else changed this meanwhile" });
        await Expect(conflict).ToContainTextAsync("Somebody has set: nobody.");
        await conflict.GetByRole(AriaRole.Button, new() { Name = "Save" }).ClickAsync();
        await Expect(dialog).ToHaveCountAsync(0);

        var policy = await supervisor.GetFailoverPolicyAsync(line.Session, Cancelled);
        Assert.Equal((true, 4), (policy.Enabled, policy.StallSeconds));
        Assert.Equal(["local", "openai"], policy.Order.Order());
        await Expect(page.GetByRole(AriaRole.Log)).ToContainTextAsync("operator@demo.example changed who takes over");
        await page.CloseAsync();
    }

    [Fact]
    public async Task A_viewer_sees_who_has_the_call_and_switches_nothing()
    {
        await console.AddMemberAsync("Victor Viewer", UserRole.Viewer, Cancelled);
        await using var line = await StagedCall.OpenAsync(console, "+14155550176");
        var context = await console.NewContextAsync();
        await console.SignInAsync(context, "victor.viewer@example.org", "a quiet hare in tall grass");
        var page = await context.NewPageAsync();
        await page.GotoAsync($"/calls/{line.Session}");
        var provider = new ProviderMenu(page);
        await provider.OpenAsync();
        await Expect(provider.Panel).ToContainTextAsync("Your role may watch calls, not control them.");
        await Expect(provider.Choice("OpenAI")).ToHaveAttributeAsync("aria-disabled", "true");
        await Expect(provider.Panel.GetByRole(AriaRole.Button, new() { Name = "Fail over now" })).ToHaveCountAsync(0);
        await context.CloseAsync();
    }

    private static async Task PlaceAsync(IPage page, string script, string provider)
    {
        await Expect(page.Locator(".frame")).ToHaveAttributeAsync("aria-busy", "false");
        await page.GetByRole(AriaRole.Button, new() { Name = "Place a practice call" }).First.ClickAsync();
        var dialog = page.GetByRole(AriaRole.Dialog);
        await dialog.GetByText(script).ClickAsync();
        await dialog.GetByText(provider).First.ClickAsync();
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Start the call" }).ClickAsync();
        await Expect(page).ToHaveURLAsync(CallUrl());
    }

    [GeneratedRegex("/calls/([0-9a-f-]{36})$")]
    private static partial Regex CallUrl();
}
