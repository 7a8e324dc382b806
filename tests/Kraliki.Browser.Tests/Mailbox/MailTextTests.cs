using Kraliki.OperatorConsole.Mailbox;

namespace Kraliki.Browser.Tests.Mailbox;

public sealed class MailTextTests
{
    private static readonly Uri Site = new("https://kraliki.example/");

    [Fact]
    public void A_link_to_this_site_opens_within_it_and_the_text_around_it_stays()
    {
        var parts = MailText.PartsOf("Confirm here: https://kraliki.example/verify?token=a-b_c.\nBye", Site);

        Assert.Equal(
            [new("Confirm here: "), new("https://kraliki.example/verify?token=a-b_c", "/verify?token=a-b_c"), new(".\nBye")],
            parts);
    }

    [Theory]
    [InlineData("https://evil.example/verify")]
    [InlineData("http://kraliki.example/verify")]
    [InlineData("https://kraliki.example:8443/verify")]
    [InlineData("https://kraliki.example.evil.example/")]
    [InlineData("https://kraliki.example@evil.example/")]
    [InlineData("https://somebody@kraliki.example/")]
    [InlineData("javascript:alert(1)")]
    public void Nothing_else_becomes_a_link(string address)
    {
        var parts = MailText.PartsOf($"See {address} now", Site);

        Assert.Equal([new($"See {address} now")], parts);
    }
}
