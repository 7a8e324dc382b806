using Kraliki.Contracts;
using Kraliki.Server.Cluster;
using Kraliki.Server.Data;
using Kraliki.Server.Identity;
using Kraliki.Server.Mail;
using Kraliki.Server.Providers;
using Kraliki.Server.Providers.Costs;
using Kraliki.Voice.Providers.OpenAI;

namespace Kraliki.Server.Hosting;

/// <summary>Everything under <c>Kraliki:</c>, read and checked once at start (<see cref="Configuration"/>); a plain singleton.</summary>
/// <param name="PublicUrl">Where browsers and carriers reach us, without a trailing slash; null means the first bound address.</param>
/// <param name="DataDirectory">Absolute path; exists and is writable.</param>
/// <param name="Demo">Simulators stand in for every carrier and provider without a key, and the demo organisation exists.</param>
/// <param name="RecoveryGrace">How long a lost call may stay away before its session fails; null means 20 s.</param>
/// <param name="MasterKey">32 bytes in base64; null means a file of the data directory. See <see cref="Hosting.MasterKey"/>.</param>
public sealed record KralikiOptions(
    Uri? PublicUrl,
    string DataDirectory,
    bool Demo,
    ProviderKeys Providers,
    CarrierKeys Carriers,
    TimeSpan? RecoveryGrace = null,
    Secret? MasterKey = null)
{
    /// <summary>When a failing provider gets no calls, and when it gets them again.</summary>
    public BreakerRules Breaker { get; init; } = new();

    /// <summary>Null: this node is the whole installation.</summary>
    public ClusterOptions? Cluster { get; init; }

    /// <summary>US dollars that the AI providers of a session may cost that names no limit of its own; null: no limit.</summary>
    public decimal? CostCap { get; init; }

    public DatabaseOptions Database { get; init; } = new(DatabaseProvider.Sqlite, null);

    /// <summary>How long a node that was asked to stop may take to hand its calls over.</summary>
    public TimeSpan Drain { get; init; } = ClusterOptions.DefaultDrain;

    public EdgeOptions Edges { get; init; } = new();

    public IdentityOptions Identity { get; init; } = new();

    /// <summary>Of sessions that have no policy of their own.</summary>
    public FailoverPolicy Failover { get; init; } = new(Enabled: true, Order: [], StallSeconds: 6);

    /// <summary>Whom callers are connected with when no provider is left that could talk to them, E.164. Null: they are told so, and the call ends.</summary>
    public string? HumanNumber { get; init; }

    /// <summary>Null: there is no mail server; a demo shows its mails in the console, elsewhere they wait.</summary>
    public MailOptions? Mail { get; init; }

    internal PriceTable Prices { get; init; } = new([]);

    /// <summary>As StackExchange.Redis writes it: <c>redis:6379,password=…</c>. Null: no hot tier but each node's memory.</summary>
    public Secret? Redis { get; init; }
}

/// <summary>Keys of AI providers, and where their services are.</summary>
public sealed record ProviderKeys(VendorKeys OpenAI)
{
    public VendorKeys Gemini { get; init; } = new();

    public VendorKeys Deepgram { get; init; } = new();

    /// <summary>The language model behind segmented providers: any server that speaks OpenAI's chat completions. One of your own (<see cref="VendorKeys.BaseUrl"/>) may want no key.</summary>
    public VendorKeys Llm { get; init; } = new();

    /// <summary>How OpenAI finds the end of a caller's turn.</summary>
    public OpenAiTurnDetection OpenAITurnDetection { get; init; } = OpenAiTurnDetection.ServerVad;

    public OpenAiEagerness OpenAIEagerness { get; init; } = OpenAiEagerness.Auto;

    public bool HasAny => OpenAI.ApiKey is not null || Gemini.ApiKey is not null || Deepgram.ApiKey is not null || Llm.ApiKey is not null;
}

/// <param name="ApiKey">Null when not configured.</param>
/// <param name="BaseUrl">Null means the vendor's own; <c>http://</c> is allowed for simulators and compatible servers.</param>
/// <param name="Model">Null means the adapter's default.</param>
/// <param name="Voice">Null means the adapter's default.</param>
public sealed record VendorKeys(Secret? ApiKey = null, Uri? BaseUrl = null, string? Model = null, string? Voice = null);

public sealed record CarrierKeys(TwilioKeys Twilio);

/// <param name="AccountSid">Set whenever <paramref name="AuthToken"/> is.</param>
/// <param name="BaseUrl">Null means the carrier's own.</param>
public sealed record TwilioKeys(string? AccountSid, Secret? AuthToken, Uri? BaseUrl);

/// <summary>A value that must not reach a log: prints as stars, and only <see cref="Reveal"/> gives it away.</summary>
public sealed class Secret(string value)
{
    public string Reveal() => value;

    public override string ToString() => "***";
}
