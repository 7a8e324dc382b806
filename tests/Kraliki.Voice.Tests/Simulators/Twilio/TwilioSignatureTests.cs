using System.Security.Cryptography;
using Kraliki.Simulators.Twilio;

namespace Kraliki.Voice.Tests.Simulators.Twilio;

/// <summary>Vectors that the official SDK (npm twilio 6.2.0) accepts; token 12345.</summary>
public sealed class TwilioSignatureTests
{
    private const string Token = "12345";

    private static readonly KeyValuePair<string, string>[] Fields =
    [
        new("To", "+18005551212"), new("From", "+14158675310"), new("Digits", "1234"), new("CallSid", "CA1234567890ABCDE"), new("Caller", "+14158675310"),
    ];

    [Fact]
    public void A_form_is_signed_as_the_official_example() =>
        Assert.Equal("L/OH5YylLD5NRKLltdqwSvS0BnU=", TwilioSignature.Sign(Token, "https://example.com/myapp.php?foo=1&bar=2", Fields));

    [Fact]
    public void Connection_overrides_in_the_fragment_are_not_signed() =>
        Assert.Equal("L/OH5YylLD5NRKLltdqwSvS0BnU=", TwilioSignature.Sign(Token, "https://example.com/myapp.php?foo=1&bar=2#rc=2&rp=5xx", Fields));

    [Fact]
    public void A_body_that_is_no_form_is_signed_by_the_address_with_its_hash()
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData("""{"a":1}"""u8));

        Assert.Equal("015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862", hash);
        Assert.Equal("2e7mH/NA6FwzvUqLZxhsETU/4bw=", TwilioSignature.Sign(Token, $"https://example.com/hook?bodySHA256={hash}", []));
    }

    [Fact]
    public void Repeated_values_of_one_name_count_once_and_are_sorted() => Assert.Equal(
        TwilioSignature.Sign(Token, "https://example.com/", [new("A", "a"), new("A", "b")]),
        TwilioSignature.Sign(Token, "https://example.com/", [new("A", "b"), new("A", "a"), new("A", "b")]));
}
