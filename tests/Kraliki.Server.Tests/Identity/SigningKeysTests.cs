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
}
