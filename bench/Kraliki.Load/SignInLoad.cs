using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using NSec.Cryptography;

namespace Kraliki.Load;

/// <summary>
/// What signing in costs: <c>Kraliki.Load login URL CREDENTIALS_FILE [COUNT]</c> signs in COUNT times (100) one after the
/// other, then four at once, against a running server, and prints the times beside that of the password hash alone.
/// </summary>
internal static class SignInLoad
{
    public static async Task<int> RunAsync(string[] args)
    {
        if (args is not [var url, var file, .. var rest] || !Uri.TryCreate(url, UriKind.Absolute, out var server))
        {
            await Console.Error.WriteLineAsync("Kraliki.Load login URL CREDENTIALS_FILE [COUNT]");
            return 2;
        }

        var count = rest is [var text] ? int.Parse(text, CultureInfo.InvariantCulture) : 100;
        using var credentials = JsonDocument.Parse(await File.ReadAllTextAsync(file));
        var password = credentials.RootElement.GetProperty("password").GetString()!;
        var email = credentials.RootElement.GetProperty("users")[0].GetString()!;
        using var client = new HttpClient { BaseAddress = server };

        // 1. Everything is compiled and connected.
        for (var i = 0; i < 5; i++)
        {
            await SignInAsync(client, email, password);
        }

        // 2. The hash alone, with the parameters that the server has by default.
        var hashing = new Argon2id(new Argon2Parameters { MemorySize = 19456, NumberOfPasses = 2, DegreeOfParallelism = 1 });
        var hashes = Enumerable.Range(0, 20).Select(_ => Time(() => hashing.DeriveBytes(password, new byte[16], 32))).Order().ToArray();
        var hash = hashes[hashes.Length / 2];
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"password hash alone: p50 {hash:F1} ms"));

        // 3. Signing in.
        foreach (var atOnce in new[] { 1, 4 })
        {
            var times = new double[count];
            await Parallel.ForEachAsync(
                Enumerable.Range(0, count),
                new ParallelOptions { MaxDegreeOfParallelism = atOnce },
                async (i, _) => times[i] = await SignInAsync(client, email, password));
            Array.Sort(times);
            var (p50, p95) = (times[count / 2], times[count * 95 / 100]);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{count} sign-ins, {atOnce} at once: p50 {p50:F1} ms, p95 {p95:F1} ms, the hash is {100 * hash / p50:F0} % of the p50"));
        }

        return 0;
    }

    private static async Task<double> SignInAsync(HttpClient client, string email, string password)
    {
        var began = Stopwatch.GetTimestamp();
        using var answer = await client.PostAsJsonAsync("api/v1/auth/login", new { email, password, token_transport = "body" });
        answer.EnsureSuccessStatusCode();
        await answer.Content.ReadAsByteArrayAsync();
        return Stopwatch.GetElapsedTime(began).TotalMilliseconds;
    }

    private static double Time(Action action)
    {
        var began = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(began).TotalMilliseconds;
    }
}
