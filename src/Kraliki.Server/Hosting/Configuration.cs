using System.Net;
using System.Net.Sockets;
using Kraliki.Contracts;
using Kraliki.Server.Cluster;
using Kraliki.Server.Data;
using Kraliki.Server.HotTier;
using Kraliki.Server.Identity;
using Kraliki.Server.Mail;
using Kraliki.Server.Providers;
using Kraliki.Server.Providers.Costs;
using Kraliki.Server.Sessions.Api;
using Kraliki.Voice.Providers.OpenAI;
using SocketError = System.Net.Sockets.SocketError;

namespace Kraliki.Server.Hosting;

/// <summary>Where settings come from (<c>appsettings.json</c>, then environment <c>KRALIKI__…</c>, then the command line; the later wins) and what they must be.</summary>
public static class Configuration
{
    public const string DefaultAddress = "http://127.0.0.1:5080";

    /// <exception cref="StartRefusedException">A setting is wrong; the sentences name key, value and fix.</exception>
    public static KralikiOptions AddKralikiOptions(this WebApplicationBuilder builder)
    {
        var options = Read(builder.Configuration);
        if (string.IsNullOrEmpty(builder.Configuration["urls"]))
        {
            builder.WebHost.UseUrls(DefaultAddress);
        }

        if (options.Demo)
        {
            RefuseOutsideAddresses(builder.Configuration);
        }

        RefuseTakenPorts(builder.Configuration["urls"] is { Length: > 0 } urls ? urls : DefaultAddress);
        if (options.Cluster is { } cluster)
        {
            RefuseTakenPorts(cluster);
        }

        builder.Services.AddSingleton(options);
        return options;
    }

    internal static KralikiOptions Read(IConfiguration configuration)
    {
        var reader = new ConfigurationReader(configuration.GetSection("Kraliki"));
        var publicUrl = reader.Url("PublicUrl");
        var directory = reader.Text("DataDirectory") ?? "./data";
        var demo = reader.Flag("Demo");
        var recovery = reader.Seconds("Sessions:RecoverySeconds", from: 1, to: 600);
        var providers = new ProviderKeys(Vendor(reader, "OpenAI"))
        {
            Gemini = Vendor(reader, "Gemini"),
            Deepgram = Vendor(reader, "Deepgram"),
            Llm = Vendor(reader, "Llm", speaks: false),
            OpenAITurnDetection = reader.Word<OpenAiTurnDetection>("Providers:OpenAI:TurnDetection") ?? OpenAiTurnDetection.ServerVad,
            OpenAIEagerness = reader.Word<OpenAiEagerness>("Providers:OpenAI:Eagerness") ?? OpenAiEagerness.Auto,
        };
        var prices = PriceTable.Read(reader);
        var costCap = reader.Dollars("Calls:CostCap", SessionCost.LeastCap, SessionCost.MostCap);
        var breaker = BreakerRules.Read(reader);
        var failover = new FailoverPolicy(
            reader.Flag("Providers:Failover:Enabled") ?? true,
            reader.List("Providers:Failover:Order"),
            reader.Number("Providers:Failover:StallSeconds", FailoverPolicy.LeastStallSeconds, FailoverPolicy.MostStallSeconds, "seconds") ?? 6);
        foreach (var unknown in failover.Order.Except(VoiceProviders.Names))
        {
            reader.Complain("Providers:Failover:Order", unknown, $"is no provider; the names are {string.Join(", ", VoiceProviders.Names)}");
        }

        var human = reader.Text("Telephony:HumanNumber");
        var twilio = new TwilioKeys(
            reader.Text("Carriers:Twilio:AccountSid"),
            reader.Secret("Carriers:Twilio:AuthToken"),
            reader.Url("Carriers:Twilio:BaseUrl"));

        var identity = IdentityOptions.Read(reader);
        var mail = MailOptions.Read(reader);
        var edges = EdgeOptions.Read(reader);
        var database = DatabaseOptions.Read(reader);
        var redis = reader.Text("Redis:ConnectionString");
        if (redis is not null && RedisConnection.Parse(redis) is null)
        {
            reader.Complain("Redis:ConnectionString", "***", "cannot be read; it must be like redis.example.org:6379,password=…");
        }

        var cluster = ClusterOptions.Read(reader, database);
        var drain = reader.Seconds("DrainSeconds", from: 0, to: 3600);
        var masterKey = reader.Secret("MasterKey");
        if (cluster is not null && masterKey is null)
        {
            reader.Complain("MasterKey", "", "must be set, and be the same on every node, when Cluster:Id is set: openssl rand -base64 32");
        }

        if (masterKey is not null && !(Convert.TryFromBase64String(masterKey.Reveal(), new byte[MasterKey.Bytes], out var written) && written == MasterKey.Bytes))
        {
            reader.Complain("MasterKey", "***", $"must be {MasterKey.Bytes} random bytes in base64: openssl rand -base64 {MasterKey.Bytes}");
        }

        if (publicUrl is { AbsolutePath: not "/" })
        {
            reader.Complain("PublicUrl", publicUrl.OriginalString, $"must not have a path; use {publicUrl.GetLeftPart(UriPartial.Authority)}");
        }

        if (twilio.AccountSid is { } sid && !(sid.Length == 34 && sid.StartsWith("AC", StringComparison.Ordinal) && sid.Skip(2).All(char.IsAsciiHexDigit)))
        {
            reader.Complain("Carriers:Twilio:AccountSid", sid, "must be AC followed by 32 hexadecimal digits, as the first page of Twilio's console shows it");
        }

        if (twilio is { AccountSid: not null, AuthToken: null })
        {
            reader.Complain("Carriers:Twilio:AuthToken", "", "must be set together with Carriers:Twilio:AccountSid");
        }
        else if (twilio is { AccountSid: null, AuthToken: not null })
        {
            reader.Complain("Carriers:Twilio:AccountSid", "", "must be set together with Carriers:Twilio:AuthToken");
        }

        if (human is not null && !SessionInput.IsNumber(human))
        {
            reader.Complain("Telephony:HumanNumber", human, "must be + and 7 to 15 digits without spaces, such as +420226259221");
        }

        var path = Path.GetFullPath(directory);
        if (UnusableBecause(path) is { } problem)
        {
            reader.Complain("DataDirectory", directory, $"{problem}; choose a directory that this user may write to");
        }

        reader.ThrowIfRefused();
        return new(publicUrl, path, demo ?? (!providers.HasAny && twilio.AuthToken is null), providers, new(twilio), recovery, masterKey)
        {
            Breaker = breaker,
            Cluster = cluster,
            CostCap = costCap,
            Database = database,
            Drain = drain ?? ClusterOptions.DefaultDrain,
            Edges = edges,
            Failover = failover,
            HumanNumber = human,
            Identity = identity,
            Mail = mail,
            Prices = prices,
            Redis = redis is null ? null : new(redis),
        };
    }

    /// <param name="speaks">Its voice can be chosen.</param>
    private static VendorKeys Vendor(ConfigurationReader reader, string name, bool speaks = true) => new(
        reader.Secret($"Providers:{name}:ApiKey"),
        reader.Url($"Providers:{name}:BaseUrl"),
        reader.Text($"Providers:{name}:Model"),
        speaks ? reader.Text($"Providers:{name}:Voice") : null);

    /// <summary>Demo accounts share a printed password and the simulators trust their callers: nothing of that may face a network.</summary>
    private static void RefuseOutsideAddresses(IConfiguration configuration)
    {
        var addresses = (configuration["urls"] ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Concat(configuration.GetSection("Kestrel:Endpoints").GetChildren().Select(endpoint => endpoint["Url"] ?? ""))
            .Where(address => !IsLoopback(address))
            .Select(address => $"The address \"{address}\" is open to others, but demo mode listens on this machine only: "
                + "use --urls http://127.0.0.1:5080, or set Kraliki:Demo to false.")
            .ToList();
        if (addresses.Count > 0)
        {
            throw new StartRefusedException(addresses);
        }
    }

    /// <summary>Listening comes last at the start; found here, a taken port is one sentence instead of a stop half-way.</summary>
    private static void RefuseTakenPorts(string urls)
    {
        foreach (var address in urls.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (!Uri.TryCreate(address, UriKind.Absolute, out var url) || url.Port == 0)
            {
                continue;
            }

            using var probe = new Socket(SocketType.Stream, ProtocolType.Tcp);
            try
            {
                probe.Bind(new IPEndPoint(IPAddress.TryParse(url.Host.Trim('[', ']'), out var ip) ? ip : IPAddress.Loopback, url.Port));
                probe.Listen();
            }
            catch (SocketException taken) when (taken.SocketErrorCode == SocketError.AddressAlreadyInUse)
            {
                throw new StartRefusedException(
                    $"The address {address} is taken: stop the program that holds it, or choose another one: --urls http://127.0.0.1:{url.Port + 1}.");
            }
            catch (SocketException)
            {
                // An address that cannot be tried out this way; the web server will say what is wrong with it.
            }
        }
    }

    /// <inheritdoc cref="RefuseTakenPorts(string)"/>
    private static void RefuseTakenPorts(ClusterOptions cluster)
    {
        (string Key, int Port)[] wanted = [("SiloPort", cluster.SiloPort), ("GatewayPort", cluster.GatewayPort)];
        foreach (var (key, port) in wanted.Where(one => one.Port > 0))
        {
            using var probe = new Socket(cluster.Address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                probe.Bind(new IPEndPoint(cluster.Address, port));
                probe.Listen();
            }
            catch (SocketException taken) when (taken.SocketErrorCode == SocketError.AddressAlreadyInUse)
            {
                throw new StartRefusedException($"Kraliki:Cluster:{key} is \"{port}\" but this port is taken: stop the program that holds it, or choose another one.");
            }
            catch (SocketException foreign) when (foreign.SocketErrorCode == SocketError.AddressNotAvailable)
            {
                throw new StartRefusedException($"Kraliki:Cluster:Address is \"{cluster.Address}\" but this machine has no such address; it must be the one at which the other nodes reach this one.");
            }
        }
    }

    private static bool IsLoopback(string address)
    {
        // Uri cannot read Kestrel's wildcards (http://*:80, http://+:80); those are never loopback.
        if (!Uri.TryCreate(address, UriKind.Absolute, out var url))
        {
            return false;
        }

        return url.Host == "localhost" || (IPAddress.TryParse(url.Host.Trim('[', ']'), out var ip) && IPAddress.IsLoopback(ip));
    }

    private static string? UnusableBecause(string path)
    {
        try
        {
            if (!OperatingSystem.IsWindows())
            {
                Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            }

            Directory.CreateDirectory(path);
            using var probe = File.Create(Path.Combine(path, $".write-{Environment.ProcessId}"), 1, FileOptions.DeleteOnClose);
            return null;
        }
        catch (IOException problem)
        {
            return $"is not usable ({problem.Message.TrimEnd('.')})";
        }
        catch (UnauthorizedAccessException)
        {
            return "may not be written";
        }
    }
}
