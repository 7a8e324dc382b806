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
    [InlineData("Providers:Failover:Order", "openai, hal9000", "Kraliki:Providers:Failover:Order is \"hal9000\" but is no provider; the names are openai, gemini, deepgram, deepgram_agent, local.")]
    [InlineData("Providers:Failover:StallSeconds", "1", "Kraliki:Providers:Failover:StallSeconds is \"1\" but must be a whole number of seconds from 2 to 30.")]
    [InlineData("Telephony:HumanNumber", "226 259 221", "Kraliki:Telephony:HumanNumber is \"226 259 221\" but must be + and 7 to 15 digits")]
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
    [InlineData("Calls:CostCap", "free", "Kraliki:Calls:CostCap is \"free\" but must be US dollars from 0.01 to 10000, such as 0.75.")]
    [InlineData("Prices:openai:gpt-x:AudioIn", "-1", "Kraliki:Prices:openai:gpt-x:AudioIn is \"-1\" but must be US dollars from 0 to 1000000, such as 0.75.")]
    [InlineData("Prices:openai:gpt-x:Audio", "1", "Kraliki:Prices:openai:gpt-x:Audio is \"\" but Audio is no unit; it must be one of TextIn, TextCached, AudioIn, AudioCached, TextOut, AudioOut, Minute, Characters.")]
    [InlineData("Prices:closedai:gpt-x:AudioIn", "1", "Kraliki:Prices:closedai is \"\" but must be the prices of one of openai, gemini, deepgram, deepgram_agent, llm, local.")]
    [InlineData("Prices:openai:gpt-*-x:AudioIn", "1", "Kraliki:Prices:openai:gpt-*-x is \"\" but must be a model's name, or its beginning and *, or * for all models.")]
    [InlineData("Prices:openai:gpt-x:AudioIn", "1", "Kraliki:Prices:openai:gpt-x is \"\" but must have prices for TextIn, TextOut, AudioOut too, 0 for what is free")]
    [InlineData("Providers:OpenAI:TurnDetection", "guess", "Kraliki:Providers:OpenAI:TurnDetection is \"guess\" but must be one of server_vad, semantic_vad.")]
    [InlineData("Providers:OpenAI:Eagerness", "very", "Kraliki:Providers:OpenAI:Eagerness is \"very\" but must be one of low, medium, high, auto.")]
    [InlineData("DataDirectory", "/proc/kraliki", "Kraliki:DataDirectory is \"/proc/kraliki\" but ")]
    public void A_wrong_value_is_told_with_its_key_and_the_remedy(string key, string value, string sentence)
    {
        var refusal = Assert.Throws<StartRefusedException>(() => Read((key, value)));
        Assert.StartsWith(sentence, Assert.Single(refusal.Reasons));
    }

    [Theory]
    [InlineData("Database:Provider", "mysql", "Kraliki:Database:Provider is \"mysql\" but must be one of sqlite, postgresql.")]
    [InlineData("Database:Provider", "sqlite", "Kraliki:Database:Provider is \"sqlite\" but must be postgresql when ")]
    [InlineData("Database:ConnectionString", "", "Kraliki:Database:ConnectionString is \"\" but must be set for postgresql: Host=")]
    [InlineData("Database:ConnectionString", "Host=db;Pasword=secret", "Kraliki:Database:ConnectionString is \"***\" but cannot be read: ")]
    [InlineData("Database:ConnectionString", "Database=kraliki", "Kraliki:Database:ConnectionString is \"***\" but must name Host and Database: Host=")]
    [InlineData("Redis:ConnectionString", "redis:6379,pasword=secret", "Kraliki:Redis:ConnectionString is \"***\" but cannot be read; it must be like redis.example.org:6379")]
    [InlineData("Redis:ConnectionString", "password=secret", "Kraliki:Redis:ConnectionString is \"***\" but cannot be read; it must be like redis.example.org:6379")]
    [InlineData("Cluster:Id", "", "Kraliki:Cluster:Id is \"\" but must be set together with the other settings of Cluster")]
    [InlineData("Cluster:Address", "node1", "Kraliki:Cluster:Address is \"node1\" but must be the IP address at which the other nodes reach this one.")]
    [InlineData("Cluster:Address", "0.0.0.0", "Kraliki:Cluster:Address is \"0.0.0.0\" but must be one address at which the other nodes reach this one")]
    [InlineData("Cluster:SiloPort", "70000", "Kraliki:Cluster:SiloPort is \"70000\" but must be a whole number from 1 to 65535.")]
    [InlineData("Cluster:GatewayPort", "11111", "Kraliki:Cluster:GatewayPort is \"11111\" but must be another port than Cluster:SiloPort.")]
    [InlineData("MasterKey", "", "Kraliki:MasterKey is \"\" but must be set, and be the same on every node, when Cluster:Id is set")]
    [InlineData("MasterKey", "c2hvcnQ=", "Kraliki:MasterKey is \"***\" but must be 32 random bytes in base64")]
    [InlineData("DrainSeconds", "soon", "Kraliki:DrainSeconds is \"soon\" but must be a whole number of seconds from 0 to 3600.")]
    public void A_node_of_several_is_told_what_is_wrong_with_it(string key, string value, string sentence)
    {
        var settings = new Dictionary<string, string>
        {
            ["Database:Provider"] = "postgresql",
            ["Database:ConnectionString"] = "Host=db;Database=kraliki;Username=kraliki;Password=secret",
            ["Cluster:Id"] = "test",
            ["Cluster:Address"] = "10.0.0.7",
            ["MasterKey"] = Convert.ToBase64String(new byte[32]),
        };
        Assert.Equal(11111, Read([.. settings.Select(one => (one.Key, one.Value))]).Cluster!.SiloPort);

        settings[key] = value;
        var refusal = Assert.Throws<StartRefusedException>(() => Read([.. settings.Select(one => (one.Key, one.Value))]));
        Assert.All(refusal.Reasons, reason => Assert.StartsWith(sentence, reason));
        Assert.DoesNotContain("secret", refusal.Message);
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
