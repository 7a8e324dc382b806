using System.Text.RegularExpressions;

namespace Kraliki.OperatorConsole.Mailbox;

/// <summary>A stretch of a mail.</summary>
/// <param name="Address">Path on this site when the stretch is a link; null for plain text.</param>
public sealed record MailPart(string Text, string? Address = null);

/// <summary>Finds the links of a plain-text mail.</summary>
public static partial class MailText
{
    /// <summary>Only addresses of <paramref name="site"/> become links: a mail may quote what strangers wrote.</summary>
    public static IReadOnlyList<MailPart> PartsOf(string text, Uri site)
    {
        List<MailPart> parts = [];
        var end = 0;
        foreach (var match in Address().EnumerateMatches(text))
        {
            var found = text.Substring(match.Index, match.Length).TrimEnd('.', ',', ';', ':', '!', '?', ')', '>', '"', '\'');
            if (Uri.TryCreate(found, UriKind.Absolute, out var address) && IsHere(address, site))
            {
                if (match.Index > end)
                {
                    parts.Add(new(text[end..match.Index]));
                }

                parts.Add(new(found, address.PathAndQuery + address.Fragment));
                end = match.Index + found.Length;
            }
        }

        if (end < text.Length)
        {
            parts.Add(new(text[end..]));
        }

        return parts;
    }

    // A name and a password before the host would show another site than the one that opens.
    private static bool IsHere(Uri address, Uri site) =>
        address.UserInfo.Length == 0 && Uri.Compare(address, site, UriComponents.SchemeAndServer, UriFormat.UriEscaped, StringComparison.OrdinalIgnoreCase) == 0;

    [GeneratedRegex(@"https?://[^\s<>""]+", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Address();
}
