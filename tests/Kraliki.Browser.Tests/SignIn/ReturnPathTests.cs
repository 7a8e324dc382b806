using Kraliki.OperatorConsole.SignIn;

namespace Kraliki.Browser.Tests.SignIn;

public sealed class ReturnPathTests
{
    [Theory]
    [InlineData("/")]
    [InlineData("/calls")]
    [InlineData("/calls/0192?tab=notes&of=https://elsewhere.example#turn-3")]
    [InlineData("/hledání/žluťoučký kůň")]
    [InlineData("/%2Fevil.example")]
    public void A_path_of_this_site_is_kept(string wanted) => Assert.Equal(wanted, ReturnPath.Safe(wanted));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("calls")]
    [InlineData(" /calls")]
    [InlineData("//evil.example")]
    [InlineData("///evil.example")]
    [InlineData("/\\evil.example")]
    [InlineData("/calls\\..\\evil")]
    [InlineData("/\t/evil.example")]
    [InlineData("/\r/evil.example")]
    [InlineData("/\n/evil.example")]
    [InlineData("\t//evil.example")]
    [InlineData("/\u0000/evil.example")]
    [InlineData("/\u0085/evil.example")]
    [InlineData("/.//evil.example")]
    [InlineData("/calls/..//evil.example")]
    [InlineData("/%2E//evil.example")]
    [InlineData("%2F%2Fevil.example")]
    [InlineData("https://evil.example/")]
    [InlineData("javascript:alert(1)")]
    public void Everything_else_leads_to_the_start_page(string? wanted) => Assert.Equal("/", ReturnPath.Safe(wanted));
}
