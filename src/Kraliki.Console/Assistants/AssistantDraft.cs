using System.Globalization;
using System.Text.Json;
using Kraliki.Contracts;

namespace Kraliki.OperatorConsole.Assistants;

/// <summary>An assistant as it is being written. One thread.</summary>
public sealed class AssistantDraft
{
    private string _saved = "";

    private AssistantDraft()
    {
    }

    public string Name { get; set; } = "";

    public string Instructions { get; set; } = "";

    public string Greeting { get; set; } = "";

    public string Apology { get; set; } = "";

    public string WelcomeBack { get; set; } = "";

    public string Language { get; set; } = "";

    /// <summary>The first one takes the call.</summary>
    public List<string> Providers { get; private set; } = [];

    /// <summary>By the provider's name; empty is its usual one.</summary>
    public Dictionary<string, string> Voices { get; private set; } = [];

    public bool AllTools { get; set; } = true;

    /// <summary>Of no account while <see cref="AllTools"/>.</summary>
    public HashSet<string> Tools { get; private set; } = [];

    /// <summary>As it was typed, like the two below: a number half written is not taken away under the writer's hands.</summary>
    public string MaxCallMinutes { get; set; } = "";

    public string MaxSilenceSeconds { get; set; } = "";

    public string CostCap { get; set; } = "";

    /// <summary>Something is not as it was when this draft was made.</summary>
    public bool Dirty => Json(ToContent()) != _saved || Unreadable.Any();

    /// <summary>Names, as on the wire, of the limits that are not written as numbers; <see cref="ToContent"/> leaves them out.</summary>
    public IEnumerable<string> Unreadable
    {
        get
        {
            if (!IsWhole(MaxCallMinutes, out _))
            {
                yield return "content.limits.max_call_minutes";
            }

            if (!IsWhole(MaxSilenceSeconds, out _))
            {
                yield return "content.limits.max_silence_seconds";
            }

            if (!IsAmount(CostCap, out _))
            {
                yield return "content.limits.cost_cap";
            }
        }
    }

    public static AssistantDraft New() => Of(new AssistantContent("", ""));

    public static AssistantDraft Of(AssistantContent content)
    {
        ArgumentNullException.ThrowIfNull(content);
        var draft = new AssistantDraft
        {
            Name = content.Name,
            Instructions = content.Instructions,
            Greeting = content.Greeting ?? "",
            Apology = content.Apology ?? "",
            WelcomeBack = content.WelcomeBack ?? "",
            Language = content.Language ?? "",
            Providers = [.. content.Providers ?? []],
            Voices = new(content.Voices ?? new Dictionary<string, string>()),
            AllTools = content.Tools is null,
            Tools = [.. content.Tools ?? []],
            MaxCallMinutes = Text(content.Limits?.MaxCallMinutes),
            MaxSilenceSeconds = Text(content.Limits?.MaxSilenceSeconds),
            CostCap = Text(content.Limits?.CostCap),
        };
        draft._saved = Json(draft.ToContent());
        return draft;
    }

    public AssistantContent ToContent() => new(
        Name.Trim(),
        Instructions.Trim(),
        OrNull(Greeting),
        OrNull(Apology),
        OrNull(WelcomeBack),
        OrNull(Language),
        Providers.Count > 0 ? [.. Providers] : null,
        Voices.Any(Named) ? new SortedDictionary<string, string>(Voices.Where(Named).ToDictionary(voice => voice.Key, voice => voice.Value.Trim()), StringComparer.Ordinal) : null,
        AllTools ? null : [.. Tools.Order(StringComparer.Ordinal)],
        Limits);

    /// <summary>What is written here stays, and is unsaved as far as it differs from this.</summary>
    public void Rebase(AssistantContent saved) => _saved = Of(saved)._saved;

    /// <summary>One step towards the front (-1) or the end (+1).</summary>
    public void Move(string provider, int by)
    {
        int from = Providers.IndexOf(provider);
        int to = from + by;
        if (from >= 0 && to >= 0 && to < Providers.Count)
        {
            (Providers[from], Providers[to]) = (Providers[to], Providers[from]);
        }
    }

    public void Allow(string tool, bool allowed)
    {
        if (allowed)
        {
            Tools.Add(tool);
        }
        else
        {
            Tools.Remove(tool);
        }
    }

    private AssistantLimits? Limits
    {
        get
        {
            IsWhole(MaxCallMinutes, out var minutes);
            IsWhole(MaxSilenceSeconds, out var seconds);
            IsAmount(CostCap, out var dollars);
            return minutes is null && seconds is null && dollars is null ? null : new AssistantLimits(minutes, seconds, dollars);
        }
    }

    private static bool IsWhole(string typed, out int? number)
    {
        number = int.TryParse(typed.Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int read) ? read : null;
        return number is not null || string.IsNullOrWhiteSpace(typed);
    }

    // No thousands: "2,50" would be read as 250.
    private static bool IsAmount(string typed, out decimal? amount)
    {
        amount = decimal.TryParse(typed.Trim(), NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal read) ? read : null;
        return amount is not null || string.IsNullOrWhiteSpace(typed);
    }

    private static string Text(IFormattable? number) => number?.ToString(null, CultureInfo.InvariantCulture) ?? "";

    private static bool Named(KeyValuePair<string, string> voice) => !string.IsNullOrWhiteSpace(voice.Value);

    private static string? OrNull(string text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim();

    private static string Json(AssistantContent content) => JsonSerializer.Serialize(content, ContractsJson.Default.AssistantContent);
}
