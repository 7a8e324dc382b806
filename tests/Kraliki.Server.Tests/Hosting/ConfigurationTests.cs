using Kraliki.Server.Hosting;
using Microsoft.Extensions.Configuration;

namespace Kraliki.Server.Tests.Hosting;

public sealed class ConfigurationTests : IDisposable
{
    private readonly string _data = Directory.CreateTempSubdirectory("kraliki-test-").FullName;

    [Fact]
    public void Without_any_key_it_is_a_demo()
    {
        var options = Read();
        Assert.True(options.Demo);
        Assert.Null(options.Providers.OpenAI.ApiKey);
        Assert.Equal(_data, options.DataDirectory);
    }

    [Fact]
    public void A_key_ends_the_demo_unless_told_otherwise()
    {
        Assert.False(Read(("Providers:OpenAI:ApiKey", "sk-1")).Demo);
        Assert.True(Read(("Providers:OpenAI:ApiKey", "sk-1"), ("Demo", "true")).Demo);
        Assert.False(Read(("Demo", "false")).Demo);
    }

    [Fact]
    public void Secrets_do_not_print()
    {
        var options = Read(("Providers:OpenAI:ApiKey", "sk-secret"));
        Assert.Equal("sk-secret", options.Providers.OpenAI.ApiKey!.Reveal());
        Assert.DoesNotContain("sk-secret", options.ToString());
    }

    [Theory]
    [InlineData("Demo", "maybe", "Kraliki:Demo is \"maybe\" but must be true or false.")]
    [InlineData("PublicUrl", "calls.example.org", "Kraliki:PublicUrl is \"calls.example.org\" but must be a whole address such as https://calls.example.org, without user name, query or fragment.")]
    [InlineData("PublicUrl", "https://a.example/kraliki", "Kraliki:PublicUrl is \"https://a.example/kraliki\" but must not have a path; use https://a.example.")]
    [InlineData("Providers:OpenAI:BaseUrl", "ftp://a.example", "Kraliki:Providers:OpenAI:BaseUrl is \"ftp://a.example\" but must be a whole address such as https://calls.example.org, without user name, query or fragment.")]
    [InlineData("Providers:OpenAI:ApiKey", "sk-a b", "Kraliki:Providers:OpenAI:ApiKey is \"***\" but contains blanks or characters outside ASCII; copy it again from the provider's page.")]
    [InlineData("Providers:OpenAI:ApiKy", "sk-1", "Kraliki:Providers:OpenAI:ApiKy is not a setting of Kraliki; did you mean Kraliki:Providers:OpenAI:ApiKey?")]
    [InlineData("Carriers:Twilio:AuthToken", "secret", "Kraliki:Carriers:Twilio:AccountSid is \"\" but must be set together with Carriers:Twilio:AuthToken.")]
    [InlineData("Sessions:RecoverySeconds", "0", "Kraliki:Sessions:RecoverySeconds is \"0\" but must be a whole number of seconds from 1 to 600.")]
    [InlineData("Limits:UserPerMinute", "0", "Kraliki:Limits:UserPerMinute is \"0\" but must be a whole number from 1 to 1000000.")]
    [InlineData("Cors:Origins", "*", "Kraliki:Cors:Origins is \"*\" but must name each origin; a wildcard would let any page in.")]
    [InlineData("Cors:Origins:0", "https://*.example.org", "Kraliki:Cors:Origins is \"https://*.example.org\" but must name each origin")]
    [InlineData("Cors:Origins", "https://crm.example.org/", "Kraliki:Cors:Origins is \"https://crm.example.org/\" but must be an origin as browsers send it")]
    [InlineData("Proxies", "proxy.example.org", "Kraliki:Proxies is \"proxy.example.org\" but must be addresses or networks such as 10.0.0.7 or 10.0.0.0/24.")]
    [InlineData("Proxies", "0.0.0.0/0", "Kraliki:Proxies is \"0.0.0.0/0\" but would let everybody forge their address")]
    [InlineData("Hosts", "https://calls.example.org", "Kraliki:Hosts is \"https://calls.example.org\" but must be a host's name")]
    [InlineData("Identity:Registration", "closed", "Kraliki:Identity:Registration is \"closed\" but must be one of open, invitation.")]
    [InlineData("Identity:Argon2:MemoryKiB", "1024", "Kraliki:Identity:Argon2:MemoryKiB is \"1024\" but must be a whole number of KiB from 19456 to 1048576.")]
    [InlineData("Identity:Argon2:Passes", "1", "Kraliki:Identity:Argon2:Passes is \"1\" but must be a whole number of passes from 2 to 100.")]
    [InlineData("Mail:From", "kraliki@example.org", "Kraliki:Mail:Host is \"\" but must be set together with the other settings of Mail.")]
    [InlineData("Mail:Host", "mail.example.org", "Kraliki:Mail:From is \"\" but must be the address that mails come from, such as kraliki@example.org.")]
    [InlineData("DataDirectory", "/proc/kraliki", "Kraliki:DataDirectory is \"/proc/kraliki\" but ")]
    public void A_wrong_value_is_told_with_its_key_and_the_remedy(string key, string value, string sentence)
    {
        var refusal = Assert.Throws<StartRefusedException>(() => Read((key, value)));
        Assert.StartsWith(sentence, Assert.Single(refusal.Reasons));
    }

    [Fact]
    public void Lists_come_numbered_or_with_commas()
    {
        var edges = Read(("Proxies", "10.0.0.7, 2001:db8::/48"), ("Cors:Origins:0", "https://a.example"), ("Cors:Origins:1", "http://b.example:8080")).Edges;
        Assert.Equal(["10.0.0.7/32", "2001:db8::/48"], edges.Proxies.Select(network => network.ToString()));
        Assert.Equal(["https://a.example", "http://b.example:8080"], edges.Origins);
    }

    [Theory]
    [InlineData("mail.example.org", false)]
    [InlineData("127.0.0.1", true)]
    [InlineData("localhost", true)]
    public void Mails_go_in_clear_to_this_machine_only(string host, bool possible)
    {
        (string, string)[] settings = [("Mail:Host", host), ("Mail:From", "kraliki@example.org"), ("Mail:Tls", "none")];
        if (possible)
        {
            Assert.Equal(25, Read(settings).Mail!.Port);
            return;
        }

        Assert.StartsWith("Kraliki:Mail:Tls is \"none\" but mails hold links", Assert.Single(Assert.Throws<StartRefusedException>(() => Read(settings)).Reasons));
    }

    [Fact]
    public void All_complaints_come_at_once()
    {
        var refusal = Assert.Throws<StartRefusedException>(() => Read(("Demo", "x"), ("PublicUrl", "y"), ("Colour", "blue")));
        Assert.Equal(3, refusal.Reasons.Count);
    }

    [Theory]
    [InlineData("http://0.0.0.0:5080")]
    [InlineData("http://*:5080")]
    [InlineData("http://+:5080")]
    [InlineData("http://127.0.0.1:5080;http://192.168.1.5:5080")]
    [InlineData("http://calls.example.org")]
    public void A_demo_refuses_to_face_a_network(string urls)
    {
        var refusal = Assert.Throws<StartRefusedException>(() => KralikiServer.Build([$"--urls={urls}", $"--Kraliki:DataDirectory={_data}", "--Kraliki:Demo=true"]));
        Assert.Contains("demo mode listens on this machine only", Assert.Single(refusal.Reasons));
    }

    public void Dispose() => Directory.Delete(_data, recursive: true);

    private KralikiOptions Read(params (string Key, string Value)[] settings)
    {
        var all = new Dictionary<string, string?> { ["Kraliki:DataDirectory"] = _data };
        foreach (var (key, value) in settings)
        {
            all[$"Kraliki:{key}"] = value;
        }

        return Configuration.Read(new ConfigurationBuilder().AddInMemoryCollection(all).Build());
    }
}
