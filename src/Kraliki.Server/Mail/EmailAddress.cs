namespace Kraliki.Server.Mail;

/// <summary>
/// What we accept as an e-mail address: less than RFC 5321 permits, but everything that people have. ASCII only, because
/// letters that look alike or fold to one another must not make two addresses of one, or one of two.
/// </summary>
internal static class EmailAddress
{
    public const int Longest = 254;

    public const string Rule = "must be an e-mail address such as name@example.org";

    private const int LongestName = 64;
    private const int LongestLabel = 63;

    public static bool IsValid(string address) =>
        address.Length <= Longest
        && address.Split('@') is [var name, var domain]
        && name.Length is > 0 and <= LongestName
        && name.Split('.').All(part => part.Length > 0 && part.All(IsNameCharacter))
        && domain.Split('.') is { Length: >= 2 } labels
        && labels.All(IsLabel)
        // Digits at the end would be an address of a machine, not of a mailbox.
        && labels[^1].Any(char.IsAsciiLetter);

    private static bool IsNameCharacter(char c) => char.IsAsciiLetterOrDigit(c) || "!#$%&'*+-/=?^_`{|}~".Contains(c);

    private static bool IsLabel(string label) =>
        label.Length is > 0 and <= LongestLabel && label.All(c => char.IsAsciiLetterOrDigit(c) || c == '-') && label[0] != '-' && label[^1] != '-';
}
