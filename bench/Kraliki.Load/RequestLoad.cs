using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;

namespace Kraliki.Load;

/// <summary>
/// How long requests of a signed-in person take: <c>Kraliki.Load requests URL CREDENTIALS_FILE [ROUNDS]</c>. For each line that
/// comes in, a name, it asks ROUNDS times (300) for a session, its events, the list of sessions, and changes the session, one
/// request after the other, and says so. In the end it prints a row per name: p50 / p95 / p99 of each kind, and the longest.
/// </summary>
internal static class RequestLoad
{
    public static async Task<int> RunAsync(string[] args)
    {
        if (args is not [var url, var file, .. var rest] || !Uri.TryCreate(url, UriKind.Absolute, out var server))
        {
            await Console.Error.WriteLineAsync("Kraliki.Load requests URL CREDENTIALS_FILE [ROUNDS]");
            return 2;
        }

        var rounds = rest is [var text] ? int.Parse(text, CultureInfo.InvariantCulture) : 300;
        using var client = new HttpClient { BaseAddress = server };
        await SignInAsync(client, file);
        using var created = await client.PostAsJsonAsync("api/v1/sessions", new { });
        created.EnsureSuccessStatusCode();
        var session = new Uri(server, created.Headers.Location!).AbsolutePath;

        // 1. Everything is compiled and connected.
        await MeasureAsync(client, session, 200);
        Console.WriteLine("ready");

        // 2. Whoever breaks something says when. What has the same name is put together.
        var windows = new List<(string Name, double[][] Times)>();
        while (await Console.In.ReadLineAsync() is { } name)
        {
            windows.Add((name, await MeasureAsync(client, session, rounds)));
            Console.WriteLine("done");
        }

        foreach (var window in windows.GroupBy(window => window.Name))
        {
            var kinds = Enumerable.Range(0, 4).Select(kind => window.SelectMany(one => one.Times[kind]).Order().ToArray()).ToList();
            var cells = kinds.Select(times => string.Create(CultureInfo.InvariantCulture, $"{At(times, 0.50):F1} / {At(times, 0.95):F1} / {At(times, 0.99):F1}"));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {window.Key} | {string.Join(" | ", cells)} | {kinds.Max(times => times[^1]):F0} |"));
        }

        return 0;
    }

    /// <remarks>In turn, so that whatever else happens on the machine touches all kinds alike.</remarks>
    private static async Task<double[][]> MeasureAsync(HttpClient client, string session, int rounds)
    {
        double[][] all = [new double[rounds], new double[rounds], new double[rounds], new double[rounds]];
        for (var i = 0; i < rounds; i++)
        {
            all[0][i] = await TimeAsync(client, HttpMethod.Get, session);
            all[1][i] = await TimeAsync(client, HttpMethod.Get, session + "/events?limit=20");
            all[2][i] = await TimeAsync(client, HttpMethod.Get, "/api/v1/sessions?limit=20");
            all[3][i] = await TimeAsync(client, HttpMethod.Patch, session, string.Create(CultureInfo.InvariantCulture, $$$"""{"metadata":{"round":"{{{i}}}"}}"""));
        }

        return all;
    }

    private static async Task<double> TimeAsync(HttpClient client, HttpMethod method, string path, string? body = null)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null)
        {
            request.Content = new StringContent(body, null, "application/json");
            request.Headers.TryAddWithoutValidation("If-Match", "*");
        }

        var began = Stopwatch.GetTimestamp();
        using var answer = await client.SendAsync(request);
        await answer.Content.ReadAsByteArrayAsync();
        var took = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        return answer.IsSuccessStatusCode ? took : throw new InvalidOperationException($"{method} {path}: {(int)answer.StatusCode}.");
    }

    private static double At(double[] sorted, double part) => sorted[(int)(part * (sorted.Length - 1))];

    private static async Task SignInAsync(HttpClient client, string file)
    {
        using var credentials = JsonDocument.Parse(await File.ReadAllTextAsync(file));
        var password = credentials.RootElement.GetProperty("password").GetString()!;
        var email = credentials.RootElement.GetProperty("users")[0].GetString()!;
        using var answer = await client.PostAsJsonAsync("api/v1/auth/login", new { email, password, token_transport = "body" });
        answer.EnsureSuccessStatusCode();
        using var login = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", login.RootElement.GetProperty("access_token").GetString());
    }
}
