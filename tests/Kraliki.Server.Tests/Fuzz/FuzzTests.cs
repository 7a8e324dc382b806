using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Identity;
using Kraliki.Server.Tests.Telephony;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Kraliki.Server.Tests.Fuzz;

/// <summary>
/// Every operation of the OpenAPI document gets what no client of ours would send. Whatever it is: never a fault of ours,
/// always a problem that says its code and request id, and nothing that is nobody's business.
/// </summary>
/// <remarks>The order is fixed. <c>KRALIKI_FUZZ_SECONDS</c> gives the mixtures by chance more time than the 8 seconds of an ordinary run.</remarks>
public sealed class FuzzTests(ITestOutputHelper output)
{
    private const int Seed = 20261122;
    private const int SideBySide = 4;

    /// <summary>What the web server refuses before it has a request that could have an id.</summary>
    private static readonly int[] BeforeTheRequest = [400, 408, 411, 413, 414, 431, 501, 505];

    private readonly ConcurrentDictionary<string, string> _findings = new();
    private readonly ConcurrentDictionary<int, int> _statuses = new();
    private RunningServer _server = null!;
    private int _part;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Nothing_that_comes_in_is_a_fault_of_ours()
    {
        using var lines = new ScopedLines();
        var settings = new Dictionary<string, string>(TestCarrier.Settings);
        foreach (var (key, value) in RunningServer.Silent)
        {
            settings[key] = value;
        }

        await using var server = _server = await RunningServer.StartAsync(Cancel, new ServerSetup(
            Settings: settings,
            Change: builder => builder.Logging.AddProvider(lines).AddFilter<ScopedLines>(null, LogLevel.Error)));
        using var admin = await server.SignInAsync(Cancel, RunningServer.Admin);
        using var made = await admin.PostAsJsonAsync("api/v1/sessions", new CreateSession(), ContractsJson.Default.CreateSession, Cancel);
        made.EnsureSuccessStatusCode();
        var document = JsonNode.Parse(await admin.GetStringAsync("openapi/v1.json", Cancel))!;
        List<ApiOperation> operations =
        [
            .. ApiOperation.Read(document),
            .. new[] { "/ws/sessions/{id}", "/telephony/twilio/media", "/asyncapi.json", "/docs/", "/health/ready", "/sessions/{id}" }.Select(path => new ApiOperation("GET", path, [], null, MayBeAway: false)),
            .. new[] { "voice", "status", "after-stream" }.Select(path => new ApiOperation("POST", $"/telephony/twilio/{path}", ["session"], [], MayBeAway: false)),
        ];
        Assert.InRange(operations.Count, 40, 400);

        var seconds = int.TryParse(Environment.GetEnvironmentVariable("KRALIKI_FUZZ_SECONDS"), CultureInfo.InvariantCulture, out var more) ? more : 8;
        var started = TimeProvider.System.GetTimestamp();
        await Parallel.ForEachAsync(operations, new ParallelOptions { MaxDegreeOfParallelism = SideBySide, CancellationToken = Cancel }, async (operation, _) =>
        {
            var hostility = await HostilityAsync(operation, admin);
            foreach (var request in hostility.Listed())
            {
                await TryAsync(operation, request);
            }
        });
        var listed = _statuses.Values.Sum();
        var took = TimeProvider.System.GetElapsedTime(started);

        var mixing = TimeProvider.System.GetTimestamp();
        var share = TimeSpan.FromSeconds(seconds) / Math.Ceiling((double)operations.Count / SideBySide);
        await Parallel.ForEachAsync(operations, new ParallelOptions { MaxDegreeOfParallelism = SideBySide, CancellationToken = Cancel }, async (operation, _) =>
        {
            var hostility = await HostilityAsync(operation, admin);
            var own = TimeProvider.System.GetTimestamp();
            foreach (var request in hostility.Mixed(new Random(Seed)))
            {
                await TryAsync(operation, request);
                if (TimeProvider.System.GetElapsedTime(own) > share)
                {
                    break;
                }
            }
        });

        Assert.Equal(System.Net.HttpStatusCode.OK, (await admin.GetAsync("health/ready", Cancel)).StatusCode);
        output.WriteLine($"{operations.Count} operations; {listed} listed requests in {took.TotalSeconds:F1} s, {_statuses.Values.Sum() - listed} mixed in {TimeProvider.System.GetElapsedTime(mixing).TotalSeconds:F1} s");
        output.WriteLine(string.Join(", ", _statuses.OrderBy(pair => pair.Key).Select(pair => $"{pair.Key}: {pair.Value}")));
        Assert.True(_findings.IsEmpty, $"{_findings.Count} findings:\n{string.Join("\n\n", _findings.OrderBy(finding => finding.Key).Take(60).Select(finding => $"{finding.Key}\n  {finding.Value}"))}");
        Assert.Empty(lines.Lines.Select(line => $"{line.Category}: {line.Text}").Distinct());
    }

    private async Task TryAsync(ApiOperation operation, RawRequest request)
    {
        RawAnswer answer;
        try
        {
            answer = await request.SendAsync(_server.Url, Cancel);
        }
        catch (TimeoutException e)
        {
            _findings.TryAdd($"{operation} hangs ({request.Kind})", e.Message);
            return;
        }

        _statuses.AddOrUpdate(answer.Status, 1, (_, count) => count + 1);
        if (Fault(operation, request, answer) is { } fault)
        {
            _findings.TryAdd($"{operation} {fault} ({request.Kind})", $"{request}\n  answered {answer.Status} {RawRequest.Cut(answer.Body)}");
        }
    }

    private string? Fault(ApiOperation operation, RawRequest request, RawAnswer answer)
    {
        // Without a word: the web server cut off a connection whose bytes were no request, or a body beyond the limit.
        if (answer.Status is 0 or 101)
        {
            return null;
        }

        if (answer.Status >= 500 && !(answer.Status == 503 && operation.MayBeAway) && !(answer.Status is 501 or 505 && !answer.Headers.ContainsKey("X-Request-ID")))
        {
            return $"is our fault: {answer.Status}";
        }

        if (answer.Headers.ContainsKey("X-Injected"))
        {
            return "lets headers be injected";
        }

        if (answer.Body.Contains(_server.Password, StringComparison.Ordinal)
            || (answer.Status >= 400 && new[] { "   at ", "System.", "Exception", "SQLite", "Microsoft.", "/src/" }.Any(word => answer.Body.Contains(word, StringComparison.Ordinal))))
        {
            return "tells what is nobody's business";
        }

        if (answer.Status < 400 || request.Method == "HEAD")
        {
            return null;
        }

        if (!answer.Headers.TryGetValue("X-Request-ID", out var id))
        {
            return BeforeTheRequest.Contains(answer.Status) && answer.Body.Length == 0 ? null : $"has no request id in {answer.Status}";
        }

        if (answer.Headers.GetValueOrDefault("Content-Type") != "application/problem+json")
        {
            return $"answers {answer.Status} with {answer.Headers.GetValueOrDefault("Content-Type") ?? "nothing"}";
        }

        try
        {
            var problem = JsonSerializer.Deserialize(answer.Body, ContractsJson.Default.Problem)!;
            return problem.Code.Length == 0 || problem.RequestId != id || problem.Status != answer.Status ? $"has an incomplete problem in {answer.Status}"
                : string.IsNullOrWhiteSpace(problem.Detail) ? $"has no words for {problem.Code}"
                : null;
        }
        catch (JsonException)
        {
            return $"answers {answer.Status} with a problem that is no JSON";
        }
    }

    private async Task<Hostility> HostilityAsync(ApiOperation operation, HttpClient admin)
    {
        List<(string, string)> headers = [("Authorization", $"Bearer {await AdminTokenAsync()}")];
        headers.Add(("Content-Type", operation.Path.StartsWith("/telephony", StringComparison.Ordinal) ? "application/x-www-form-urlencoded" : "application/json"));
        if (operation.Method == "PATCH")
        {
            headers.Add(("If-Match", "*"));
        }

        return new(operation, operation.Path.Contains('{') ? await TargetAsync(operation.Path, admin) : operation.Path, headers, Interlocked.Increment(ref _part));
    }

    /// <summary>Each operation has an admin of its own: some of them end all sign-ins or lock the account.</summary>
    private async Task<string> AdminTokenAsync()
    {
        await using var db = _server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem();
        var demo = await db.Set<User>().AsNoTracking().SingleAsync(user => user.Email == RunningServer.Admin, Cancel);
        var own = new User
        {
            Id = Guid.CreateVersion7(),
            OrganisationId = demo.OrganisationId,
            Email = $"{Guid.NewGuid():N}@fuzz.example",
            Name = "Fuzz",
            Role = UserRole.Admin,
            PasswordHash = demo.PasswordHash,
            CreatedAt = demo.CreatedAt,
            UpdatedAt = demo.CreatedAt,
            EmailVerifiedAt = demo.CreatedAt,
        };
        db.Add(own);
        await db.SaveChangesAsync(Cancel);
        var known = await db.Set<User>().AsNoTracking().Include(user => user.Organisation).SingleAsync(user => user.Id == own.Id, Cancel);
        var grant = await _server.Services.GetRequiredService<RefreshTokens>().BeginAsync(known, address: null, userAgent: null, Cancel);
        return _server.Services.GetRequiredService<AccessTokens>().Issue(grant!);
    }

    /// <summary>Something that exists, when there is a list to take it from; of the people the one whom nothing here needs.</summary>
    private static async Task<string> TargetAsync(string path, HttpClient admin)
    {
        var place = path.IndexOf('{');
        var (name, nobody) = path.Contains("{name}") ? ("name", "enable_suggestion_panels") : ("id", "01900000-0000-7000-8000-000000000009");
        using var list = path.StartsWith("/api/", StringComparison.Ordinal) && !path.Contains("auth/") ? await admin.GetAsync(path[..(place - 1)], Cancel) : null;
        var items = list?.IsSuccessStatusCode == true ? JsonNode.Parse(await list.Content.ReadAsStringAsync(Cancel)) : null;
        var found = (items as JsonArray ?? items?["items"] as JsonArray)?.FirstOrDefault(item => item?["email"] is not { } email || (string?)email == RunningServer.Operator)?[name];
        return path.Replace($"{{{name}}}", (string?)found ?? nobody);
    }
}
