using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.IdentityModel.Tokens;
using NSec.Cryptography;

namespace Kraliki.Server.Tests.Identity;

public sealed class SigningKeysTests(ServerFixture fixture)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Anybody_can_verify_a_token_with_the_published_key()
    {
        using var client = await fixture.Server.SignInAsync(Cancel);
        var parts = client.DefaultRequestHeaders.Authorization!.Parameter!.Split('.');
        using var header = JsonDocument.Parse(Base64UrlEncoder.DecodeBytes(parts[0]));
        Assert.Equal("EdDSA", header.RootElement.GetProperty("alg").GetString());
        Assert.Equal("at+jwt", header.RootElement.GetProperty("typ").GetString());

        using var jwks = JsonDocument.Parse(await client.GetStringAsync(".well-known/jwks.json", Cancel));
        var jwk = jwks.RootElement.GetProperty("keys").EnumerateArray().Single(key => key.GetProperty("kid").GetString() == header.RootElement.GetProperty("kid").GetString());
        var key = PublicKey.Import(SignatureAlgorithm.Ed25519, Base64UrlEncoder.DecodeBytes(jwk.GetProperty("x").GetString()), KeyBlobFormat.RawPublicKey);
        Assert.True(SignatureAlgorithm.Ed25519.Verify(key, Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"), Base64UrlEncoder.DecodeBytes(parts[2])));

        using var payload = JsonDocument.Parse(Base64UrlEncoder.DecodeBytes(parts[1]));
        foreach (var claim in new[] { "sub", "email", "role", "org", "jti", "exp" })
        {
            Assert.True(payload.RootElement.TryGetProperty(claim, out _), $"The token has no {claim}.");
        }
    }

    [Theory]
    [InlineData("""{"alg":"none","typ":"at+jwt"}""")]
    [InlineData("""{"alg":"HS256","typ":"at+jwt","kid":"KID"}""")]
    [InlineData("""{"alg":"EdDSA","typ":"JWT","kid":"KID"}""")]
    [InlineData("""{"alg":"EdDSA","typ":"at+jwt","kid":"unknown"}""")]
    public async Task A_token_with_another_header_is_worth_nothing(string header)
    {
        using var client = await fixture.Server.SignInAsync(Cancel);
        var parts = client.DefaultRequestHeaders.Authorization!.Parameter!.Split('.');
        using var original = JsonDocument.Parse(Base64UrlEncoder.DecodeBytes(parts[0]));
        var forged = Base64UrlEncoder.Encode(header.Replace("KID", original.RootElement.GetProperty("kid").GetString()));

        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", $"{forged}.{parts[1]}.{parts[2]}");
        Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("api/v1/auth/me", Cancel)).StatusCode);
    }

    [Fact]
    public async Task A_changed_claim_is_noticed()
    {
        using var client = await fixture.Server.SignInAsync(Cancel);
        var parts = client.DefaultRequestHeaders.Authorization!.Parameter!.Split('.');
        var raised = Base64UrlEncoder.Encode(Base64UrlEncoder.Decode(parts[1]).Replace("\"agent\"", "\"admin\"", StringComparison.Ordinal));
        Assert.NotEqual(parts[1], raised);

        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", $"{parts[0]}.{raised}.{parts[2]}");
        Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("api/v1/auth/me", Cancel)).StatusCode);
    }
}
