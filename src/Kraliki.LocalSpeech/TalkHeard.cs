using System.Globalization;

namespace Kraliki.LocalSpeech;

/// <summary>A caller's turn as the mind reads it: the intent and what was named in it.</summary>
internal sealed class TalkHeard
{
    public static readonly string[] DigitWords = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

    public static readonly IReadOnlyList<string> Cities =
        ["Prague", "Vienna", "Rome", "Paris", "Lisbon", "Madrid", "Berlin", "Barcelona", "London", "Athens", "Venice", "Budapest"];

    private static readonly HashSet<string> Days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "tomorrow"];

    private static readonly HashSet<string> Months =
        ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"];

    private static readonly string[] PartsOfDay = ["morning", "afternoon", "evening"];

    // What the recogniser hears for digits; used only among other digits.
    private static readonly Dictionary<string, int> Misheard = new()
    {
        ["oh"] = 0,
        ["o"] = 0,
        ["won"] = 1,
        ["to"] = 2,
        ["too"] = 2,
        ["for"] = 4,
        ["fore"] = 4,
        ["war"] = 4,
        ["sex"] = 6,
        ["sicks"] = 6,
        ["ate"] = 8,
        ["mine"] = 9,
    };

    public TalkHeard(string text)
    {
        string[] words = Words(text);
        Intent = TalkIntents.Best(words);
        Digits = FindDigits(words);
        City = Cities.FirstOrDefault(city => words.Contains(city.ToLowerInvariant()));
        When = FindWhen(words);
    }

    public TalkIntent Intent { get; }

    /// <summary>The digits of the longest run of spoken digits, as characters; a single small number ("two people") does not count.</summary>
    public string Digits { get; }

    public string? City { get; }

    /// <summary>A day as the assistant would say it: "Friday morning", "next week", "the tenth of May".</summary>
    public string? When { get; }

    /// <summary>With the preposition that a day or month takes: "on Friday morning", "in May", "next week".</summary>
    public static string At(string when) =>
        Months.Contains(when.ToLowerInvariant()) ? $"in {when}"
        : when.StartsWith("the ", StringComparison.Ordinal) || (char.IsUpper(when[0]) && when.Contains("day", StringComparison.Ordinal)) ? $"on {when}"
        : when;

    internal static string[] Words(string text) =>
    [
        .. new string([.. text.ToLowerInvariant().Select(letter => char.IsLetterOrDigit(letter) || letter is '\'' or '-' ? letter : ' ')])
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .SelectMany(word => char.IsAsciiDigit(word[0]) ? word.Where(char.IsAsciiDigit).Select(digit => DigitWords[digit - '0']) : [word]),
    ];

    private static string FindDigits(string[] words)
    {
        string longest = "";
        string run = "";
        foreach (string word in words.Append(""))
        {
            int digit = Array.IndexOf(DigitWords, word);

            // "I would like to change" has a "to", but no digit before it.
            if (digit < 0 && run.Length > 0 && Misheard.TryGetValue(word, out int misheard))
            {
                digit = misheard;
            }

            if (digit >= 0)
            {
                run += (char)('0' + digit);
                continue;
            }

            longest = run.Length > longest.Length ? run : longest;
            run = "";
        }

        return longest.Length > 1 ? longest : "";
    }

    private static string? FindWhen(string[] words)
    {
        int day = Array.FindIndex(words, Days.Contains);
        if (day >= 0)
        {
            string name = words[day] == "tomorrow" ? "tomorrow" : CultureInfo.InvariantCulture.TextInfo.ToTitleCase(words[day]);
            string? part = PartsOfDay.FirstOrDefault(words.AsSpan(day).ToArray().Contains);
            return part is null ? name : $"{name} {part}";
        }

        int month = Array.FindIndex(words, Months.Contains);
        if (month >= 0)
        {
            string name = CultureInfo.InvariantCulture.TextInfo.ToTitleCase(words[month]);
            int the = Array.LastIndexOf(words, "the", month);

            // "the twenty first of may": the ordinal is at most three words before the month.
            return the >= 0 && month - the <= 4 ? $"{string.Join(' ', words[the..month])} {name}" : name;
        }

        return words.AsSpan().IndexOf(["next", "week"]) >= 0 ? "next week"
            : words.AsSpan().IndexOf(["next", "month"]) >= 0 ? "next month"
            : words.AsSpan().IndexOf(["week", "later"]) >= 0 ? "a week later"
            : words.AsSpan().IndexOf(["day", "later"]) >= 0 ? "a day later"
            : words.AsSpan().IndexOf(["day", "earlier"]) >= 0 ? "a day earlier"
            : null;
    }
}
