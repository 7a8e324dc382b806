using System.Globalization;
using System.Text.RegularExpressions;
using Kraliki.Contracts;
using Kraliki.Server.Assistants;
using Kraliki.Server.Providers;

namespace Kraliki.Server.Sessions.Api;

/// <summary>What a session may be made of on this installation.</summary>
internal sealed class SessionChoices(VoiceProviders voices, Failover failover)
{
    /// <summary>Known AI voice providers.</summary>
    public static IReadOnlyList<string> Providers => VoiceProviders.Names;

    /// <summary>Known carriers; the first is the default.</summary>
    public IReadOnlyList<string> TelephonyProviders { get; } = ["twilio"];

    /// <param name="assistant">Who is to lead it; null: the server's own.</param>
    public SessionCreated Complete(CreateSession wish, ChosenAssistant? assistant)
    {
        var facts = new SessionCreated(
            wish.Provider ?? assistant?.FirstOf(voices) ?? voices.Default,
            wish.Strategy ?? VoiceStrategy.Realtime,
            wish.TelephonyProvider ?? TelephonyProviders[0],
            wish.PhoneNumber,
            wish.Metadata ?? new Dictionary<string, string>(),
            CostCap: wish.CostCap);
        return assistant?.Lead(facts, failover) ?? facts;
    }
}

/// <summary>Checks what people send; each complaint names the field and what would be right.</summary>
internal static partial class SessionInput
{
    public const int LongestNote = 500;

    /// <summary>How the sentence goes on after the name of the field.</summary>
    public const string ClientIdRule = "must have 1 to 64 letters, digits, -, _ or .";

    /// <inheritdoc cref="ClientIdRule"/>
    public static readonly string CostCapRule = string.Create(CultureInfo.InvariantCulture, $"must be US dollars from {SessionCost.LeastCap} to {SessionCost.MostCap:0}.");

    private const int MostMetadata = 16;
    private const int LongestKey = 64;
    private const int LongestValue = 500;

    public static Dictionary<string, string[]> ErrorsOf(CreateSession body, SessionChoices choices)
    {
        var errors = new Dictionary<string, string[]>();
        OneOf(errors, "provider", body.Provider, SessionChoices.Providers);
        OneOf(errors, "telephony_provider", body.TelephonyProvider, choices.TelephonyProviders);
        CheckNumber(errors, body.PhoneNumber);
        CheckMetadata(errors, body.Metadata);
        if (!IsCostCap(body.CostCap))
        {
            errors["cost_cap"] = [$"cost_cap {CostCapRule}"];
        }

        return errors;
    }

    public static Dictionary<string, string[]> ErrorsOf(UpdateSession body)
    {
        var errors = new Dictionary<string, string[]>();
        CheckNumber(errors, body.PhoneNumber);
        CheckMetadata(errors, body.Metadata);
        return errors;
    }

    public static Dictionary<string, string[]> ErrorsOf(SwitchSessionProvider body, IReadOnlyList<ProviderView> known)
    {
        var errors = new Dictionary<string, string[]>();
        OneOf(errors, "provider", body.Provider, [.. known.Select(view => view.Name)]);
        if (string.IsNullOrWhiteSpace(body.Reason) || body.Reason.Length > LongestNote)
        {
            errors["reason"] = [$"reason must have 1 to {LongestNote} characters."];
        }

        return errors;
    }

    public static Dictionary<string, string[]> ErrorsOf(FailoverPolicy body, IReadOnlyList<ProviderView> known)
    {
        var errors = new Dictionary<string, string[]>();
        foreach (string? name in body.Order)
        {
            // An empty text is no provider either.
            OneOf(errors, "order", name ?? "", [.. known.Select(view => view.Name)]);
        }

        if (body.Order.Distinct().Count() != body.Order.Count)
        {
            errors["order"] = ["order must name each provider once."];
        }

        if (body.StallSeconds is < FailoverPolicy.LeastStallSeconds or > FailoverPolicy.MostStallSeconds)
        {
            errors["stall_seconds"] = [$"stall_seconds must be from {FailoverPolicy.LeastStallSeconds} to {FailoverPolicy.MostStallSeconds}."];
        }

        return errors;
    }

    public static bool IsClientId(string? id) => id is not null && ClientId().IsMatch(id);

    /// <summary>None is right, too.</summary>
    public static bool IsCostCap(decimal? dollars) => dollars is null or (>= SessionCost.LeastCap and <= SessionCost.MostCap);

    public static bool IsNumber(string number) => E164().IsMatch(number);

    private static void OneOf(Dictionary<string, string[]> errors, string field, string? value, IReadOnlyList<string> known)
    {
        if (value is not null && !known.Contains(value))
        {
            errors[field] = [$"{field} must be one of {string.Join(", ", known)}."];
        }
    }

    private static void CheckNumber(Dictionary<string, string[]> errors, string? number)
    {
        if (number is not null && !IsNumber(number))
        {
            errors["phone_number"] = ["phone_number must be in E.164 form: + and 7 to 15 digits without spaces, such as +420226259221."];
        }
    }

    private static void CheckMetadata(Dictionary<string, string[]> errors, IReadOnlyDictionary<string, string>? metadata)
    {
        if (metadata is null)
        {
            return;
        }

        var complaints = new List<string>();
        if (metadata.Count > MostMetadata)
        {
            complaints.Add($"metadata must have at most {MostMetadata} pairs; it has {metadata.Count}.");
        }

        foreach (var (key, value) in metadata.Take(MostMetadata))
        {
            if (key.Length is 0 or > LongestKey)
            {
                complaints.Add($"Each key of metadata must have 1 to {LongestKey} characters.");
            }
            else if (value is null || value.Length > LongestValue)
            {
                complaints.Add($"metadata.{key} must be a text of at most {LongestValue} characters.");
            }
        }

        if (complaints.Count > 0)
        {
            errors["metadata"] = [.. complaints.Distinct()];
        }
    }

    [GeneratedRegex("^[A-Za-z0-9._-]{1,64}$", RegexOptions.CultureInvariant)]
    private static partial Regex ClientId();

    // ITU-T E.164: at most 15 digits, the first not 0.
    [GeneratedRegex("^\\+[1-9][0-9]{6,14}$", RegexOptions.CultureInvariant)]
    private static partial Regex E164();
}
