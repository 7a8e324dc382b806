using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Kraliki.Server.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Microsoft.IdentityModel.JsonWebTokens;
using NSec.Cryptography;

namespace Kraliki.Server.Tests.Identity;

public sealed class KeyRotationTests
{
    private readonly FakeTimeProvider _time = new(DateTimeOffset.Parse("2026-11-22T12:00:00Z"));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Keys_change_twice_in_two_months_and_nobody_is_signed_out()
    {
        await using var server = await StartAsync();
        using var client = server.Anonymous();
        var keys = server.Services.GetRequiredService<SigningKeys>();
        var login = await LoginAsync(server, client);
        var announced = new Dictionary<string, DateTimeOffset>();
        var signed = new List<string>();
        var end = _time.GetUtcNow() + TimeSpan.FromDays(65);
        while (_time.GetUtcNow() < end)
        {
            await keys.TendAsync(Cancel);
            var published = await PublishedAsync(client);
            Assert.InRange(published.Count, 1, 2);
            foreach (var kid in published)
            {
                announced.TryAdd(kid, _time.GetUtcNow());
            }

            var old = (await RefreshAsync(client, login.RefreshToken!)).AccessToken!;
            login = await RefreshAsync(client, login.RefreshToken!);
            _time.Advance(TimeSpan.FromMinutes(14));
            login = await RefreshAsync(client, login.RefreshToken!);

            // The token that is 14 minutes old and the new one: both are good, whatever happened to the keys in between.
            Assert.Equal(HttpStatusCode.OK, await MeAsync(client, old));
            Assert.Equal(HttpStatusCode.OK, await MeAsync(client, login.AccessToken!));
            var used = new JsonWebToken(login.AccessToken).Kid;
            if (!signed.Contains(used))
            {
                signed.Add(used);
                Assert.True(signed.Count == 1 || _time.GetUtcNow() - announced[used] > SigningKeys.CacheLife, "The key signed before it was announced long enough.");
            }

            // While a key is announced and does not sign yet, every moment counts; otherwise a look now and then will do.
            _time.Advance(published.Exists(kid => !signed.Contains(kid)) ? TimeSpan.FromSeconds(30) : TimeSpan.FromHours(16));
        }

        Assert.Equal(3, signed.Count);
        Assert.DoesNotContain(signed[0], await PublishedAsync(client));
    }

    [Fact]
    public async Task A_key_that_another_node_has_made_is_found_when_its_first_token_comes()
    {
        await using var server = await StartAsync();
        using var client = server.Anonymous();
        var login = await LoginAsync(server, client);
        var databases = server.Services.GetRequiredService<KralikiDbFactory>();
        var later = new FakeTimeProvider(_time.GetUtcNow() + TimeSpan.FromDays(31));
        using var keys = new SigningKeys(databases, server.Services.GetRequiredService<MasterKey>(), server.Services.GetRequiredService<KralikiOptions>(), later);
        await keys.TendAsync(Cancel);
        later.Advance(TimeSpan.FromHours(3));
        await using var db = databases.OpenForSystem();
        var token = await db.Set<RefreshToken>().Include(row => row.SignIn.User).SingleAsync(Cancel);
        var foreign = new AccessTokens(keys, _time).Issue(new("", token.SignInId, token.SignIn.User, token.Id, token.CreatedAt));
        Assert.NotEqual(new JsonWebToken(login.AccessToken).Kid, new JsonWebToken(foreign).Kid);

        // Right after a look into the database there is no second one, so that forgers cannot ask for as many as they like.
        Assert.Equal(HttpStatusCode.Unauthorized, await MeAsync(client, foreign));
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(HttpStatusCode.OK, await MeAsync(client, foreign));
    }

    [Fact]
    public async Task A_copy_of_the_database_does_not_hold_a_private_key()
    {
        var directory = Directory.CreateTempSubdirectory("kraliki-test-").FullName;
        try
        {
            await using (var server = await StartAsync(directory))
            {
                await using var db = server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem();
                var row = await db.Set<SigningKey>().SingleAsync(Cancel);
                var published = server.Services.GetRequiredService<SigningKeys>().Current.PublicBytes;
                for (var at = 0; at + 32 <= row.SealedKey.Length; at++)
                {
                    using var guess = Key.Import(SignatureAlgorithm.Ed25519, row.SealedKey.AsSpan(at, 32), KeyBlobFormat.RawPrivateKey);
                    Assert.NotEqual(published, guess.PublicKey.Export(KeyBlobFormat.RawPublicKey));
                }
            }

            await File.WriteAllTextAsync(Path.Combine(directory, "master.key"), Convert.ToBase64String(Encoding.ASCII.GetBytes("another key of thirty-two bytes.")), Cancel);
            var refusal = await Assert.ThrowsAsync<StartRefusedException>(() => StartAsync(directory));
            Assert.Contains("master key", refusal.Message, StringComparison.Ordinal);
        }
        finally
        {
            Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
            Directory.Delete(directory, recursive: true);
        }
    }

    [Fact]
    public async Task Verifiers_may_keep_the_public_keys_for_an_hour()
    {
        await using var server = await StartAsync();
        using var client = server.Anonymous();
        using var answer = await client.GetAsync(".well-known/jwks.json", Cancel);

        Assert.Equal(new CacheControlHeaderValue { Public = true, MaxAge = TimeSpan.FromHours(1) }, answer.Headers.CacheControl);
    }

    private static async Task<List<string>> PublishedAsync(HttpClient client) =>
        [.. (await client.GetFromJsonAsync<System.Text.Json.JsonElement>(".well-known/jwks.json", Cancel)).GetProperty("keys").EnumerateArray().Select(key => key.GetProperty("kid").GetString()!)];

    private static async Task<LoginResponse> LoginAsync(RunningServer server, HttpClient client)
    {
        using var answer = await client.PostAsJsonAsync(
            "api/v1/auth/login", new LoginRequest(RunningServer.Operator, server.Password, TokenTransport.Body), ContractsJson.Default.LoginRequest, Cancel);
        return (await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync(ContractsJson.Default.LoginResponse, Cancel))!;
    }

    private static async Task<LoginResponse> RefreshAsync(HttpClient client, string token)
    {
        using var answer = await client.PostAsJsonAsync("api/v1/auth/refresh", new RefreshRequest(token), ContractsJson.Default.RefreshRequest, Cancel);
        return (await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync(ContractsJson.Default.LoginResponse, Cancel))!;
    }

    private static async Task<HttpStatusCode> MeAsync(HttpClient client, string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "api/v1/auth/me") { Headers = { Authorization = new("Bearer", token) } };
        using var answer = await client.SendAsync(request, Cancel);
        return answer.StatusCode;
    }

    private Task<RunningServer> StartAsync(string? directory = null) =>
        RunningServer.StartAsync(Cancel, new ServerSetup(directory, RunningServer.Silent, _time));
}
