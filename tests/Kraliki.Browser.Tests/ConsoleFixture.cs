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
    private IBrowserContext? _office;
    private string? _officeUser;
    private IBrowser _browser = null!;

    public RunningServer Server { get; private set; } = null!;

    public IBrowserContext SignedIn { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        // All tests come from one address.
        Server = await RunningServer.StartAsync(CancellationToken.None, new ServerSetup(Settings: new Dictionary<string, string>
        {
            ["Kraliki:Limits:SignInPerMinute"] = "1000",
            ["Kraliki:Limits:MailPerMinute"] = "1000",
        }));
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new()
        {
            ExecutablePath = ChromiumPath(),
            Args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
        });
        SignedIn = await NewContextAsync();
        await SignInAsync(SignedIn, RunningServer.Operator);
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

    /// <summary>A page of another demo account. All of them share a second context, one after the other: what it has in its cache serves them all.</summary>
    public async Task<IPage> OpenAsAsync(string email, string path, int width = 1440, int height = 900)
    {
        _office ??= await NewContextAsync();
        if (_officeUser != email)
        {
            await _office.ClearCookiesAsync();
            await SignInAsync(_office, email);
            _officeUser = email;
        }

        var page = await _office.NewPageAsync();
        await page.SetViewportSizeAsync(width, height);
        await page.GotoAsync(path);
        return page;
    }

    /// <summary>An account's own client, by default the operator's, for what a test prepares or checks beside the browser.</summary>
    public async Task<KralikiClient> ApiAsync(CancellationToken cancellationToken, string email = RunningServer.Operator)
    {
        var client = Server.Api();
        await client.LoginAsync(email, Server.Password, TokenTransport.Body, cancellationToken);
        return client;
    }

    /// <summary>Somebody with an organisation of their own, so that a test may change and lose what it likes.</summary>
    /// <returns>Their address.</returns>
    public async Task<string> NewPersonAsync(string name, string password, CancellationToken cancellationToken)
    {
        var address = $"{Guid.NewGuid():N}@person.example";
        using var api = Server.Api();
        await api.RegisterAsync(new RegisterRequest(name, password, address, "An organisation"), cancellationToken);
        var link = await LinkOfMailAsync(address, "Confirm", cancellationToken);
        await api.VerifyEmailAsync(link.Split("token=")[1], cancellationToken);
        return address;
    }

    /// <summary>The link in the newest mail to the address whose subject contains the words; path and query only.</summary>
    public async Task<string> LinkOfMailAsync(string to, string subject, CancellationToken cancellationToken)
    {
        using var api = Server.Api();
        var mails = await api.ListMailAsync(to, cancellationToken);
        var mail = mails.Items.FirstOrDefault(mail => mail.Subject.Contains(subject, StringComparison.OrdinalIgnoreCase));
        Assert.True(mail is not null, $"No mail about \"{subject}\" came to {to}, but {mails.Items.Count} others.");
        var link = mail.Text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).First(word => word.Contains("token=", StringComparison.Ordinal));
        return new Uri(link).PathAndQuery;
    }

    /// <summary>One more person in the demo organisation, who came by invitation.</summary>
    public async Task<MemberView> AddMemberAsync(string name, UserRole role, CancellationToken cancellationToken)
    {
        var admin = await ApiAsync(cancellationToken, RunningServer.Admin);
        var email = $"{name.Replace(' ', '.').ToLowerInvariant()}@example.org";
        await admin.InviteUserAsync(new InviteUser(email, role), cancellationToken);
        var link = await LinkOfMailAsync(email, "invit", cancellationToken);
        await admin.RegisterAsync(new RegisterRequest(name, "a quiet hare in tall grass", InvitationToken: link.Split("token=")[1]), cancellationToken);
        return (await admin.ListUsersAsync(new MemberFilter(Text: email), cancellationToken)).Items.Single();
    }

    public async ValueTask DisposeAsync()
    {
        await _browser.CloseAsync();
        _playwright.Dispose();
        await Server.DisposeAsync();
    }

    /// <summary>Gives the context's pages the cookies of an account, by default of the demo.</summary>
    public async Task SignInAsync(IBrowserContext context, string email, string? password = null)
    {
        var login = await context.APIRequest.PostAsync("/api/v1/auth/login", new() { DataObject = new { email, password = password ?? Server.Password } });
        Assert.True(login.Ok, $"Sign-in for the tests was refused: {login.Status} {await login.TextAsync()}");
    }

    private static string ChromiumPath()
    {
        string[] names = ["chromium", "chromium-browser", "google-chrome"];
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(Path.PathSeparator);
        return names.SelectMany(name => folders.Select(folder => Path.Combine(folder, name))).FirstOrDefault(File.Exists)
            ?? throw new InvalidOperationException("No Chromium in PATH. Install it: apt-get install chromium.");
    }
}
