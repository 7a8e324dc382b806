using System.Globalization;
using Kraliki.Contracts;

namespace Kraliki.Server.Hosting;

/// <summary>The start is refused for reasons that the person at the terminal can mend; each is one sentence.</summary>
public sealed class StartRefusedException(IReadOnlyList<string> reasons) : Exception(string.Join('\n', reasons))
{
    public StartRefusedException(string reason)
        : this([reason])
    {
    }

    public IReadOnlyList<string> Reasons { get; } = reasons;
}

/// <summary>
/// Reads one section key by key, remembers which keys exist and collects every complaint, so that a person mends all of
/// them in one go. A key that nobody asked for is a complaint too: a misspelt key must not be silently without effect.
/// </summary>
internal sealed class ConfigurationReader(IConfigurationSection section)
{
    private readonly List<string> _known = [];
    private readonly List<string> _complaints = [];

    public string? Text(string key)
    {
        _known.Add(key);
        var value = section[key]?.Trim();
        return string.IsNullOrEmpty(value) ? null : value;
    }

    /// <summary>A key or token: never repeated in a complaint.</summary>
    public Secret? Secret(string key)
    {
        var value = Text(key);
        if (value is null)
        {
            return null;
        }

        if (value.Any(c => c is <= ' ' or > '~'))
        {
            Complain(key, "***", "contains blanks or characters outside ASCII; copy it again from the provider's page");
            return null;
        }

        return new(value);
    }

    public bool? Flag(string key)
    {
        var value = Text(key);
        if (value is null || bool.TryParse(value, out var flag))
        {
            return value is null ? null : bool.Parse(value);
        }

        Complain(key, value, "must be true or false");
        return null;
    }

    public TimeSpan? Seconds(string key, int from, int to) => Number(key, from, to, "seconds") is { } seconds ? TimeSpan.FromSeconds(seconds) : null;

    /// <param name="unit">What is counted, in the plural; null for a bare number.</param>
    public int? Number(string key, int from, int to, string? unit = null)
    {
        var value = Text(key);
        if (value is null)
        {
            return null;
        }

        if (int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= from && number <= to)
        {
            return number;
        }

        Complain(key, value, $"must be a whole number {(unit is null ? "" : $"of {unit} ")}from {from} to {to}");
        return null;
    }

    /// <summary>An amount of money.</summary>
    public decimal? Dollars(string key, decimal from, decimal to)
    {
        var value = Text(key);
        if (value is null)
        {
            return null;
        }

        if (decimal.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var dollars) && dollars >= from && dollars <= to)
        {
            return dollars;
        }

        Complain(key, value, string.Create(CultureInfo.InvariantCulture, $"must be US dollars from {from} to {to}, such as 0.75"));
        return null;
    }

    /// <summary>What stands directly under a key.</summary>
    public IReadOnlyList<string> Names(string key) => [.. section.GetSection(key).GetChildren().Select(child => child.Key)];

    /// <summary>One of the words that an enum has on the wire, in snake case.</summary>
    public T? Word<T>(string key)
        where T : struct, Enum
    {
        var value = Text(key);
        var known = value is null ? null : WireWord.Find<T>(value.ToLowerInvariant());
        if (value is not null && known is null)
        {
            Complain(key, value, $"must be one of {string.Join(", ", WireWord.All<T>())}");
        }

        return known;
    }

    /// <summary>One of the names of an enum, written in lower case.</summary>
    public T? Choice<T>(string key)
        where T : struct, Enum
    {
        var value = Text(key);
        if (value is null)
        {
            return null;
        }

        var names = Enum.GetNames<T>();
        if (names.FirstOrDefault(name => name.Equals(value, StringComparison.OrdinalIgnoreCase)) is { } known)
        {
            return Enum.Parse<T>(known);
        }

        Complain(key, value, $"must be one of {string.Join(", ", names.Select(name => name.ToLowerInvariant()))}");
        return null;
    }

    /// <summary>Several values: separated by commas, or numbered (<c>Key:0</c>, <c>Key:1</c>) as JSON arrays are.</summary>
    public IReadOnlyList<string> List(string key)
    {
        var numbered = section.GetSection(key).GetChildren().ToList();
        _known.AddRange(numbered.Select(child => $"{key}:{child.Key}"));
        return
        [
            .. (Text(key) ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
            .. numbered.Select(child => child.Value?.Trim()).OfType<string>().Where(value => value.Length > 0),
        ];
    }

    /// <summary>An absolute http(s) address; user names, queries and fragments have no meaning here.</summary>
    public Uri? Url(string key)
    {
        var value = Text(key);
        if (value is null)
        {
            return null;
        }

        if (Uri.TryCreate(value, UriKind.Absolute, out var url)
            && url.Scheme is "http" or "https"
            && url is { UserInfo.Length: 0, Query.Length: 0, Fragment.Length: 0 })
        {
            return url;
        }

        Complain(key, value, "must be a whole address such as https://calls.example.org, without user name, query or fragment");
        return null;
    }

    public void Complain(string key, string value, string fix) =>
        _complaints.Add($"{section.Path}:{key} is \"{value}\" but {fix}.");

    /// <summary>Called after every key was asked for.</summary>
    /// <exception cref="StartRefusedException">Something is wrong.</exception>
    public void ThrowIfRefused()
    {
        foreach (var key in section.AsEnumerable(makePathsRelative: true).Where(pair => pair.Value is not null).Select(pair => pair.Key))
        {
            if (!_known.Contains(key, StringComparer.OrdinalIgnoreCase))
            {
                var nearest = _known.MinBy(name => Distance(name.ToLowerInvariant(), key.ToLowerInvariant()));
                _complaints.Add($"{section.Path}:{key} is not a setting of Kraliki; did you mean {section.Path}:{nearest}?");
            }
        }

        if (_complaints.Count > 0)
        {
            throw new StartRefusedException(_complaints);
        }
    }

    /// <summary>Levenshtein distance.</summary>
    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(replaced, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[^1];
    }
}
