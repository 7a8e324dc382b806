using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.Tokens;
using NSec.Cryptography;

namespace Kraliki.Server.Tests.Identity;

/// <summary>What somebody may try to get in with. Each forgery starts from a token that works.</summary>
public sealed class TokenAttackTests(ServerFixture fixture)
{
    private readonly RunningServer _server = fixture.Server;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private EdDsaKey OurKey => _server.Services.GetRequiredService<SigningKeys>().Current;

    [Fact]
    public async Task A_token_that_is_put_together_right_is_let_in() =>
        Assert.Null(await TryAsync(Sign(await GenuineAsync())));

    [Theory]
    [InlineData("none")]
    [InlineData("None")]
    [InlineData("")]
    public async Task Without_a_signature_nobody_gets_in(string algorithm)
    {
        var (header, payload) = await GenuineAsync();
        header["alg"] = algorithm;

        Assert.Equal("invalid_token", await TryAsync($"{Encode(header)}.{Encode(payload)}."));
        Assert.Equal("invalid_token", await TryAsync($"{Encode(header)}.{Encode(payload)}"));
        Assert.Equal("invalid_token", await TryAsync(Sign((header, payload))));
    }

    [Fact]
    public async Task Half_a_character_for_a_key_id_is_a_bad_token_and_no_fault()
    {
        var (_, payload) = await GenuineAsync();
        var header = Base64UrlEncoder.Encode("""{"alg":"EdDSA","typ":"at+jwt","kid":"\ud800"}""");

        Assert.Null(AccessTokens.KidOf($"{header}.{Encode(payload)}."));
        Assert.Equal("invalid_token", await TryAsync($"{header}.{Encode(payload)}.{Base64UrlEncoder.Encode(new byte[64])}"));
    }

    [Fact]
    public async Task The_public_key_is_no_password_for_hmac()
    {
        var x = Base64UrlEncoder.Encode(OurKey.PublicBytes);
        var jwk = $$"""{"kty":"OKP","crv":"Ed25519","x":"{{x}}"}""";
        foreach (var secret in new[] { OurKey.PublicBytes, Encoding.ASCII.GetBytes(x), Encoding.ASCII.GetBytes(jwk) })
        {
            var (header, payload) = await GenuineAsync();
            header["alg"] = "HS256";
            var text = $"{Encode(header)}.{Encode(payload)}";
            Assert.Equal("invalid_token", await TryAsync($"{text}.{Base64UrlEncoder.Encode(HMACSHA256.HashData(secret, Encoding.ASCII.GetBytes(text)))}"));
        }
    }

    [Fact]
    public async Task A_foreign_key_does_not_become_ours_by_our_kid_or_by_coming_along()
    {
        using var key = Key.Create(SignatureAlgorithm.Ed25519);
        var (header, payload) = await GenuineAsync();
        Assert.Equal("invalid_token", await TryAsync(SignWith(key, header, payload)));

        header["jwk"] = new JsonObject { ["kty"] = "OKP", ["crv"] = "Ed25519", ["x"] = Base64UrlEncoder.Encode(key.PublicKey.Export(KeyBlobFormat.RawPublicKey)) };
        Assert.Equal("invalid_token", await TryAsync(SignWith(key, header, payload)));
        header["kid"] = "theirs";
        Assert.Equal("invalid_token", await TryAsync(SignWith(key, header, payload)));
    }

    [Theory]
    [InlineData("kid", "unknown")]
    [InlineData("kid", "../../dev/null")]
    [InlineData("kid", "' OR 1=1 --")]
    [InlineData("kid", null)]
    [InlineData("typ", "JWT")]
    [InlineData("typ", "rt+jwt")]
    [InlineData("typ", null)]
    [InlineData("alg", "ES256")]
    [InlineData("alg", "RS256")]
    public async Task A_header_of_another_kind_is_refused_though_the_signature_is_right(string name, string? value)
    {
        var (header, payload) = await GenuineAsync();
        header[name] = value;
        if (value is null)
        {
            header.Remove(name);
        }

        Assert.Equal("invalid_token", await TryAsync(Sign((header, payload))));
    }

    [Theory]
    [InlineData("iss", "https://evil.example")]
    [InlineData("iss", null)]
    [InlineData("aud", "somebody-else")]
    [InlineData("aud", null)]
    [InlineData("jti", "not-an-id")]
    [InlineData("jti", null)]
    [InlineData("sub", "admin")]
    [InlineData("sub", null)]
    [InlineData("sub", "01900000-0000-7000-8000-00000000dead")]
    [InlineData("exp", null)]
    public async Task Claims_that_are_wrong_or_missing_are_refused_though_the_signature_is_right(string name, string? value)
    {
        var (header, payload) = await GenuineAsync();
        payload[name] = value;
        if (value is null)
        {
            payload.Remove(name);
        }

        Assert.Contains(await TryAsync(Sign((header, payload))), new[] { "invalid_token", "token_revoked", "token_expired" });
    }

    [Fact]
    public async Task Too_late_and_too_early_are_refused()
    {
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        var (header, payload) = await GenuineAsync();
        payload["exp"] = now - 1;
        Assert.Equal("token_expired", await TryAsync(Sign((header, payload))));

        payload["exp"] = now + 7200;
        payload["nbf"] = now + 3600;
        Assert.Equal("token_expired", await TryAsync(Sign((header, payload))));
    }

    [Fact]
    public async Task A_changed_cut_or_bloated_token_is_refused()
    {
        var (header, payload) = await GenuineAsync();
        var token = Sign((header, payload));
        var parts = token.Split('.');
        payload["role"] = "admin";
        Assert.Equal("invalid_token", await TryAsync($"{parts[0]}.{Encode(payload)}.{parts[2]}"));
        Assert.Equal("invalid_token", await TryAsync(token[..^10]));
        Assert.Equal("invalid_token", await TryAsync($"{parts[0]}.{parts[1]}"));
        Assert.Equal("invalid_token", await TryAsync(parts[0]));
        Assert.Equal("invalid_token", await TryAsync(token + token));
        Assert.Equal("invalid_token", await TryAsync(token + "." + parts[2]));
        Assert.Equal("invalid_token", await TryAsync(new string('.', 5_000)));
        Assert.Equal("invalid_token", await TryAsync(new string('a', 8_000)));
        Assert.Equal("invalid_token", await TryAsync($"{new string('A', 7_000)}.{parts[1]}.{parts[2]}"));

        // Above the limit of all headers together, the server does not even read it.
        using var giant = await GetAsync(new string('a', 100_000));
        Assert.Equal(HttpStatusCode.RequestHeaderFieldsTooLarge, giant.StatusCode);
    }

    [Fact]
    public async Task A_refresh_token_is_no_access_token_and_the_other_way_round()
    {
        var login = await LoginAsync();
        Assert.Equal("invalid_token", await TryAsync(login.RefreshToken!));

        using var client = _server.Anonymous();
        using var answer = await client.PostAsJsonAsync("api/v1/auth/refresh", new RefreshRequest(login.AccessToken), ContractsJson.Default.RefreshRequest, Cancel);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Fact]
    public async Task A_deactivated_or_deleted_person_is_refused_with_a_token_that_was_good_elsewhere()
    {
        await using var server = await RunningServer.StartAsync(Cancel, new ServerSetup(Settings: RunningServer.Silent));
        await using var db = server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem();

        // Never seen by this node before, so nothing is remembered: as if the person came over from another node.
        using var deactivated = await server.SignInAsync(Cancel, RunningServer.Operator);
        using var deleted = await server.SignInAsync(Cancel, RunningServer.Supervisor);
        await db.Set<User>().Where(user => user.Email == RunningServer.Operator)
            .ExecuteUpdateAsync(user => user.SetProperty(row => row.DeactivatedAt, DateTimeOffset.UnixEpoch), Cancel);
        await db.Set<User>().Where(user => user.Email == RunningServer.Supervisor).ExecuteDeleteAsync(Cancel);

        Assert.Equal(HttpStatusCode.Unauthorized, (await deactivated.GetAsync("api/v1/auth/me", Cancel)).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await deleted.GetAsync("api/v1/auth/me", Cancel)).StatusCode);
    }

    [Fact]
    public async Task A_token_in_the_address_does_not_count()
    {
        var login = await LoginAsync();
        using var client = _server.Anonymous();

        Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync($"api/v1/auth/me?access_token={login.AccessToken}", Cancel)).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync($"api/v1/auth/me?token={login.AccessToken}", Cancel)).StatusCode);
    }

    [Theory]
    [InlineData(true, null, 403)]
    [InlineData(true, "null", 403)]
    [InlineData(true, "https://evil.example", 403)]
    [InlineData(false, "https://evil.example", 403)]
    [InlineData(true, "OURS", 101)]
    [InlineData(false, "OURS", 101)]
    [InlineData(false, null, 101)]
    public async Task A_socket_is_opened_by_our_pages_and_by_programs_only(bool withCookies, string? origin, int expected)
    {
        using var socket = new ClientWebSocket();
        socket.Options.CollectHttpResponseDetails = true;
        if (withCookies)
        {
            socket.Options.SetRequestHeader("Cookie", $"kraliki_access={(await LoginAsync()).AccessToken}");
        }

        if (origin is not null)
        {
            socket.Options.SetRequestHeader("Origin", origin.Replace("OURS", _server.Url.GetLeftPart(UriPartial.Authority)));
        }

        var url = new Uri($"ws://{_server.Url.Authority}/ws/sessions/{Guid.NewGuid()}");
        if (expected == 101)
        {
            await socket.ConnectAsync(url, Cancel);
        }
        else
        {
            await Assert.ThrowsAsync<WebSocketException>(() => socket.ConnectAsync(url, Cancel));
        }

        Assert.Equal(expected, (int)socket.HttpStatusCode);
    }

    private static string Encode(JsonObject part) => Base64UrlEncoder.Encode(part.ToJsonString());

    private static string SignWith(Key key, JsonObject header, JsonObject payload)
    {
        var text = $"{Encode(header)}.{Encode(payload)}";
        return $"{text}.{Base64UrlEncoder.Encode(SignatureAlgorithm.Ed25519.Sign(key, Encoding.ASCII.GetBytes(text)))}";
    }

    private string Sign((JsonObject Header, JsonObject Payload) token)
    {
        var text = $"{Encode(token.Header)}.{Encode(token.Payload)}";
        var signer = OurKey.CryptoProviderFactory.CreateForSigning(OurKey, EdDsaKey.Algorithm);
        return $"{text}.{Base64UrlEncoder.Encode(signer.Sign(Encoding.ASCII.GetBytes(text)))}";
    }

    /// <summary>The parts of a fresh token of the operator.</summary>
    private async Task<(JsonObject Header, JsonObject Payload)> GenuineAsync()
    {
        var parts = (await LoginAsync()).AccessToken!.Split('.');
        return (JsonNode.Parse(Base64UrlEncoder.Decode(parts[0]))!.AsObject(), JsonNode.Parse(Base64UrlEncoder.Decode(parts[1]))!.AsObject());
    }

    private async Task<LoginResponse> LoginAsync()
    {
        using var client = _server.Anonymous();
        using var answer = await client.PostAsJsonAsync(
            "api/v1/auth/login", new LoginRequest(RunningServer.Operator, _server.Password, TokenTransport.Body), ContractsJson.Default.LoginRequest, Cancel);
        return (await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync(ContractsJson.Default.LoginResponse, Cancel))!;
    }

    private async Task<HttpResponseMessage> GetAsync(string token)
    {
        using var client = _server.Anonymous();
        using var request = new HttpRequestMessage(HttpMethod.Get, "api/v1/auth/me") { Headers = { Authorization = new AuthenticationHeaderValue("Bearer", token) } };
        return await client.SendAsync(request, Cancel);
    }

    /// <returns>The code of the refusal; null when the token was let in.</returns>
    private async Task<string?> TryAsync(string token)
    {
        using var answer = await GetAsync(token);
        if (answer.StatusCode == HttpStatusCode.OK)
        {
            return null;
        }

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Contains("invalid_token", answer.Headers.WwwAuthenticate.ToString(), StringComparison.Ordinal);
        return (await answer.Content.ReadFromJsonAsync(ContractsJson.Default.Problem, Cancel))!.Code;
    }
}
