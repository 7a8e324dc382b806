using System.Collections.Frozen;
using System.Globalization;
using System.Text.RegularExpressions;
using Kraliki.Contracts;
using Kraliki.Server.Sessions.Api;

namespace Kraliki.Server.Assistants;

/// <summary>Checks what people write of an assistant; each complaint names the field and what would be right.</summary>
internal static partial class AssistantInput
{
    // ISO 639-1, the two-letter codes, https://www.loc.gov/standards/iso639-2/php/code_list.php.
    private static readonly FrozenSet<string> Languages =
        """
        aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo es et eu
        fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km
        kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om
        or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr
        ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
        """.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).ToFrozenSet();

    public static Dictionary<string, string[]> ErrorsOf(SaveAssistant body, IReadOnlyList<string> providers, IReadOnlyList<string> tools)
    {
        var errors = new Dictionary<string, string[]>();
        var content = body.Content;
        Text(errors, "content.name", content.Name, AssistantContent.LongestName, needed: true);
        Text(errors, "content.instructions", content.Instructions, AssistantContent.LongestInstructions, needed: true);
        Text(errors, "content.greeting", content.Greeting, AssistantContent.LongestLine);
        Text(errors, "content.apology", content.Apology, AssistantContent.LongestLine);
        Text(errors, "content.welcome_back", content.WelcomeBack, AssistantContent.LongestLine);
        Text(errors, "note", body.Note, SaveAssistant.LongestNote);
        CheckLanguage(errors, content.Language);
        Names(errors, "content.providers", content.Providers, providers);
        Names(errors, "content.tools", content.Tools, tools);
        CheckVoices(errors, content.Voices, providers);
        Range(errors, "content.limits.max_call_minutes", content.Limits?.MaxCallMinutes, AssistantLimits.LeastCallMinutes, AssistantLimits.MostCallMinutes);
        Range(errors, "content.limits.max_silence_seconds", content.Limits?.MaxSilenceSeconds, AssistantLimits.LeastSilenceSeconds, AssistantLimits.MostSilenceSeconds);
        if (!SessionInput.IsCostCap(content.Limits?.CostCap))
        {
            errors["content.limits.cost_cap"] = [$"content.limits.cost_cap {SessionInput.CostCapRule}"];
        }

        return errors;
    }

    /// <summary>As it is kept: what says nothing is left out, and lines end alike, so that versions can be compared.</summary>
    public static AssistantContent Tidy(AssistantContent content) => content with
    {
        Name = content.Name.Trim(),
        Instructions = Lines(content.Instructions),
        Greeting = OrNull(content.Greeting),
        Apology = OrNull(content.Apology),
        WelcomeBack = OrNull(content.WelcomeBack),
        Language = OrNull(content.Language),
        Providers = content.Providers is { Count: > 0 } ? content.Providers : null,
        Voices = content.Voices is { Count: > 0 } voices ? new SortedDictionary<string, string>(voices.ToDictionary(), StringComparer.Ordinal) : null,
        Limits = content.Limits is { MaxCallMinutes: null, MaxSilenceSeconds: null, CostCap: null } ? null : content.Limits,
    };

    public static string? OrNull(string? text) => string.IsNullOrWhiteSpace(text) ? null : Lines(text);

    private static string Lines(string text) => text.ReplaceLineEndings("\n").Trim();

    private static void Text(Dictionary<string, string[]> errors, string field, string? value, int longest, bool needed = false)
    {
        int length = value is null ? 0 : Lines(value).Length;
        if (length > longest)
        {
            errors[field] = [string.Create(CultureInfo.InvariantCulture, $"{field} must have at most {longest:N0} characters; it has {length:N0}.")];
        }
        else if (needed && length == 0)
        {
            errors[field] = [$"{field} must not be empty."];
        }
    }

    private static void CheckLanguage(Dictionary<string, string[]> errors, string? language)
    {
        const string field = "content.language";
        if (string.IsNullOrWhiteSpace(language))
        {
            return;
        }

        if (!LanguageTag().IsMatch(language.Trim()))
        {
            errors[field] = [$"{field} must be a BCP 47 tag: a language, with a region if that matters, such as en, en-GB or cs-CZ."];
        }
        else if (!Languages.Contains(language.Trim()[..2]))
        {
            errors[field] = [$"{field} begins with {language.Trim()[..2]}, which is no language of ISO 639-1; write en, de, cs and so on."];
        }
    }

    private static void Names(Dictionary<string, string[]> errors, string field, IReadOnlyList<string>? names, IReadOnlyList<string> known)
    {
        // A null among them is no name either.
        if (names?.Select(name => name ?? "").FirstOrDefault(name => !known.Contains(name)) is { } unknown)
        {
            errors[field] = [$"{field} names \"{Shown(unknown)}\", which there is not; there are {string.Join(", ", known)}."];
        }
        else if (names is not null && names.Distinct().Count() != names.Count)
        {
            errors[field] = [$"{field} must name each of them once."];
        }
    }

    private static void CheckVoices(Dictionary<string, string[]> errors, IReadOnlyDictionary<string, string>? voices, IReadOnlyList<string> providers)
    {
        const string field = "content.voices";
        Names(errors, field, voices?.Keys.ToList(), providers);
        if (!errors.ContainsKey(field) && voices?.FirstOrDefault(voice => !VoiceName().IsMatch(voice.Value ?? "")) is { Key: { } provider })
        {
            errors[field] = [$"{field}.{provider} must be the provider's name for a voice: 1 to 64 letters, digits, -, _ or . such as marin or aura-2-thalia-en."];
        }
    }

    private static void Range(Dictionary<string, string[]> errors, string field, int? value, int least, int most)
    {
        if (value < least || value > most)
        {
            errors[field] = [$"{field} must be from {least} to {most}, or be left out."];
        }
    }

    private static string Shown(string text) => text.Length <= 40 ? text : text[..40] + "…";

    // Language, script, region; RFC 5646 has more, which no provider takes.
    [GeneratedRegex("^[a-z]{2}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$", RegexOptions.CultureInvariant)]
    private static partial Regex LanguageTag();

    [GeneratedRegex("^[A-Za-z0-9._-]{1,64}$", RegexOptions.CultureInvariant)]
    private static partial Regex VoiceName();
}
