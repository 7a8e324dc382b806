using Kraliki.Browser.Tests;
using Kraliki.Client;
using Kraliki.Contracts;
using Kraliki.Server.Tests;
using Microsoft.Playwright;

[assembly: AssemblyFixture(typeof(ConsoleFixture))]

namespace Kraliki.Browser.Tests;

/// <summary>The real server with its simulators, a real Chromium, and one context that is signed in as the demo's operator.</summary>
/// <remarks>The context is shared because a new one has an empty cache and must fetch and start .NET anew.</remarks>
public sealed class ConsoleFixture : IAsyncLifetime
{
    /// <summary>The collection of all tests that drive the browser: side by side, two cores would only make them wait for each other.</summary>
    public const string OneAtATime = "browser";

    // Chromium compiles some 10 MB of WebAssembly at the first page; a busy machine needs its time.
    private const float PatienceMs = 60_000;

    private IPlaywright _playwright = null!;
    private IBrowser _browser = null!;

    public RunningServer Server { get; private set; } = null!;

    public IBrowserContext SignedIn { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Server = await RunningServer.StartAsync(CancellationToken.None);
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new()
        {
            ExecutablePath = ChromiumPath(),
            Args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
        });
        SignedIn = await NewContextAsync();
        var login = await SignedIn.APIRequest.PostAsync("/api/v1/auth/login", new()
        {
            DataObject = new { email = RunningServer.Operator, password = Server.Password },
        });
        Assert.True(login.Ok, $"Sign-in for the tests was refused: {login.Status} {await login.TextAsync()}");
    }

    /// <summary>A context of somebody who has not signed in.</summary>
    public async Task<IBrowserContext> NewContextAsync()
    {
        var context = await _browser.NewContextAsync(new()
        {
            BaseURL = Server.Url.ToString(),
            ViewportSize = new() { Width = 1440, Height = 900 },
            // Colours half-way between two themes are nobody's contrast.
            ReducedMotion = ReducedMotion.Reduce,
        });
        context.SetDefaultTimeout(PatienceMs);
        Assertions.SetDefaultExpectTimeout(PatienceMs);
        return context;
    }

    /// <summary>A page of the signed-in operator.</summary>
    public async Task<IPage> OpenAsync(string path, ColorScheme theme = ColorScheme.Light, int width = 1440, int height = 900)
    {
        var page = await SignedIn.NewPageAsync();
        await page.EmulateMediaAsync(new() { ColorScheme = theme });
        await page.SetViewportSizeAsync(width, height);
        await page.GotoAsync(path);
        return page;
    }

    /// <summary>The operator's own client, for what a test prepares or checks beside the browser.</summary>
    public async Task<KralikiClient> ApiAsync(CancellationToken cancellationToken)
    {
        var client = Server.Api();
        await client.LoginAsync(RunningServer.Operator, Server.Password, TokenTransport.Body, cancellationToken);
        return client;
    }

    public async ValueTask DisposeAsync()
    {
        await _browser.CloseAsync();
        _playwright.Dispose();
        await Server.DisposeAsync();
    }

    private static string ChromiumPath()
    {
        string[] names = ["chromium", "chromium-browser", "google-chrome"];
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(Path.PathSeparator);
        return names.SelectMany(name => folders.Select(folder => Path.Combine(folder, name))).FirstOrDefault(File.Exists)
            ?? throw new InvalidOperationException("No Chromium in PATH. Install it: apt-get install chromium.");
    }
}
