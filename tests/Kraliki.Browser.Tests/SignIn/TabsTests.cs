using System.Collections.Concurrent;
using Kraliki.Contracts;
using Kraliki.Server.Tests;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Kraliki.Browser.Tests.SignIn;

/// <summary>Two real tabs of one browser.</summary>
[Collection(ConsoleFixture.OneAtATime)]
public sealed class TabsTests(ConsoleFixture console) : IAsyncLifetime
{
    private readonly ConcurrentQueue<string> _renewals = new();
    private IBrowserContext _context = null!;

    public async ValueTask InitializeAsync()
    {
        _context = await console.NewContextAsync();
        _context.Request += (_, request) =>
        {
            if (request.Url.EndsWith("/auth/refresh", StringComparison.Ordinal))
            {
                _renewals.Enqueue(request.Url);
            }
        };
    }

    public async ValueTask DisposeAsync() => await _context.DisposeAsync();

    [Fact]
    public async Task Signing_out_in_one_tab_signs_the_other_out_within_a_second_and_leaves_nothing_on_its_screen()
    {
        var api = await console.ApiAsync(TestContext.Current.CancellationToken);
        var session = await api.CreateSessionAsync(new CreateSession(PhoneNumber: "+14155550177"), TestContext.Current.CancellationToken);
        await console.SignInAsync(_context, RunningServer.Operator);
        var here = await OpenAsync("/");
        var there = await _context.NewPageAsync();
        var socket = await there.RunAndWaitForWebSocketAsync(() => there.GotoAsync($"/calls/{session.Id}"));
        var closed = new TaskCompletionSource();
        socket.Close += (_, _) => closed.TrySetResult();
        var number = there.GetByText("+1 415 555 0177");
        await Expect(number.First).ToBeVisibleAsync();
        await here.EvaluateAsync("() => addEventListener('click', () => globalThis.clickedAt = Date.now(), true)");
        await there.EvaluateAsync(
            """
            () => new MutationObserver(() => {
              if (document.getElementById('entry-title')) {
                globalThis.signedOutAt ??= Date.now();
              }
            }).observe(document.body, { childList: true, subtree: true })
            """);

        await here.GetByRole(AriaRole.Button, new() { Name = "Your account" }).ClickAsync();
        await here.GetByRole(AriaRole.Button, new() { Name = "Sign out" }).ClickAsync();

        await Expect(there.GetByRole(AriaRole.Heading, new() { Name = "Sign in" })).ToBeVisibleAsync();
        await Expect(here.GetByRole(AriaRole.Heading, new() { Name = "Sign in" })).ToBeVisibleAsync();
        await Expect(number).ToHaveCountAsync(0);
        await Expect(there.GetByText("Olga Operator")).ToHaveCountAsync(0);
        var took = await there.EvaluateAsync<double>("() => globalThis.signedOutAt") - await here.EvaluateAsync<double>("() => globalThis.clickedAt");
        TestContext.Current.TestOutputHelper?.WriteLine($"The other tab was signed out {took} ms after the click.");
        Assert.InRange(took, 0, 1000);
        try
        {
            await closed.Task.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        }
        catch (TimeoutException)
        {
            Assert.Fail("The other tab's live socket stayed open.");
        }

        await api.EndSessionAsync(session.Id, cancellationToken: TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Signing_in_in_one_tab_signs_the_other_in_where_it_wanted_to_go()
    {
        var there = await _context.NewPageAsync();
        await there.GotoAsync("/account");
        await Expect(there.GetByRole(AriaRole.Heading, new() { Name = "Sign in" })).ToBeVisibleAsync();
        var here = await _context.NewPageAsync();
        await here.GotoAsync("/sign-in");

        await SignInAsync(here, RunningServer.Supervisor);

        await Expect(there.GetByRole(AriaRole.Heading, new() { Name = "Your account" })).ToBeVisibleAsync();
        await Expect(there.GetByLabel("E-mail")).ToHaveValueAsync(RunningServer.Supervisor);
    }

    [Fact]
    public async Task A_tab_that_finds_somebody_else_signed_in_starts_anew_as_that_person()
    {
        await console.SignInAsync(_context, RunningServer.Operator);
        var page = await OpenAsync("/account");
        await Expect(page.GetByLabel("E-mail")).ToHaveValueAsync(RunningServer.Operator);
        await _context.ClearCookiesAsync();
        await console.SignInAsync(_context, RunningServer.Supervisor);

        await page.EvaluateAsync("() => dispatchEvent(new Event('focus'))");

        await Expect(page.GetByLabel("E-mail")).ToHaveValueAsync(RunningServer.Supervisor);
    }

    [Fact]
    public async Task One_tab_renews_the_tokens_for_all_ahead_of_time_and_another_takes_over_when_it_closes()
    {
        await _context.Clock.InstallAsync();
        var first = await _context.NewPageAsync();
        await first.GotoAsync("/sign-in");
        await SignInAsync(first, RunningServer.Operator);
        await ReadyAsync(first);
        var second = await OpenAsync("/");
        Assert.Single(_renewals); // the stranger's first question
        _renewals.Clear();

        // 86 % of the tokens' 15 minutes: later than any jitter.
        var heard = second.WaitForResponseAsync("**/api/v1/auth/me");
        await _context.Clock.FastForwardAsync(13 * 60 * 1000);
        await heard;
        Assert.Single(_renewals);

        await first.CloseAsync();
        var renewed = second.WaitForResponseAsync("**/api/v1/auth/refresh");
        await _context.Clock.FastForwardAsync(13 * 60 * 1000);
        Assert.True((await renewed).Ok);
        Assert.Equal(2, _renewals.Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Tabs_whose_tokens_ran_out_together_ask_for_new_ones_once(bool newsIsLate)
    {
        if (newsIsLate)
        {
            // As on a busy machine, where what one tab says or stores reaches the others too late.
            await _context.AddInitScriptAsync("BroadcastChannel.prototype.postMessage = Storage.prototype.setItem = () => {}");
        }

        await console.SignInAsync(_context, RunningServer.Operator);
        IPage[] pages = [await OpenAsync("/"), await OpenAsync("/"), await OpenAsync("/account")];
        await _context.ClearCookiesAsync(new() { Name = "kraliki_access" });

        var answers = pages.Select(page => page.WaitForResponseAsync(answer => answer.Ok && answer.Url.EndsWith("/auth/me", StringComparison.Ordinal))).ToList();
        await Task.WhenAll(pages.Select(page => page.EvaluateAsync("() => dispatchEvent(new Event('focus'))")));
        await Task.WhenAll(answers);

        Assert.Single(_renewals);
    }

    [Fact]
    public async Task Without_channel_and_locks_a_tab_finds_out_when_it_is_looked_at()
    {
        await _context.AddInitScriptAsync("delete globalThis.BroadcastChannel; Object.defineProperty(navigator, 'locks', { value: undefined })");
        await console.SignInAsync(_context, RunningServer.Operator);
        var here = await OpenAsync("/");
        var there = await OpenAsync("/account");

        await here.GetByRole(AriaRole.Button, new() { Name = "Your account" }).ClickAsync();
        await here.GetByRole(AriaRole.Button, new() { Name = "Sign out" }).ClickAsync();
        await Expect(here.GetByRole(AriaRole.Heading, new() { Name = "Sign in" })).ToBeVisibleAsync();
        await Expect(there.GetByRole(AriaRole.Heading, new() { Name = "Your account" })).ToBeVisibleAsync();
        await there.EvaluateAsync("() => dispatchEvent(new Event('focus'))");

        await Expect(there.GetByText("Your session ended.")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task A_sign_in_that_the_server_ends_shows_the_sign_in_page_with_the_reason()
    {
        var api = await console.ApiAsync(TestContext.Current.CancellationToken);
        var session = await api.CreateSessionAsync(new CreateSession(PhoneNumber: "+14155550178"), TestContext.Current.CancellationToken);
        var known = (await api.ListDevicesAsync(TestContext.Current.CancellationToken)).Select(device => device.Id).ToHashSet();
        await console.SignInAsync(_context, RunningServer.Operator);
        var page = await _context.NewPageAsync();
        await page.RunAndWaitForWebSocketAsync(() => page.GotoAsync($"/calls/{session.Id}"));
        await Expect(page.GetByText("+1 415 555 0178").First).ToBeVisibleAsync();

        // Nobody touches the page: its live socket tells.
        var device = (await api.ListDevicesAsync(TestContext.Current.CancellationToken)).Single(device => !known.Contains(device.Id));
        await api.EndDeviceAsync(device.Id, TestContext.Current.CancellationToken);

        await Expect(page.GetByText("Your session ended.")).ToBeVisibleAsync();
        await api.EndSessionAsync(session.Id, cancellationToken: TestContext.Current.CancellationToken);
    }

    private static async Task ReadyAsync(IPage page) => await Expect(page.Locator(".frame")).ToHaveAttributeAsync("aria-busy", "false");

    private async Task<IPage> OpenAsync(string path)
    {
        var page = await _context.NewPageAsync();
        await page.GotoAsync(path);
        await ReadyAsync(page);
        return page;
    }

    private async Task SignInAsync(IPage page, string email)
    {
        await page.GetByLabel("E-mail").FillAsync(email);
        await page.GetByLabel("Password", new() { Exact = true }).FillAsync(console.Server.Password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
    }
}
