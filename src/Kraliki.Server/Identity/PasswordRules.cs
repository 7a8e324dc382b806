using System.Collections.Frozen;
using System.Globalization;
using System.Text;

namespace Kraliki.Server.Identity;

/// <summary>
/// Which passwords are refused (NIST SP 800-63B §5.1.1.2): short ones, and those that a guesser tries first. No rules of
/// composition: they make passwords that are hard to remember and easy to guess.
/// </summary>
/// <remarks>
/// What counts is what is left when everything known is taken away: words that are often a password or part of one, what is
/// the person's own, runs on the keyboard, the alphabet or the digits, years and repetitions; each also in digits and signs
/// for letters (<c>p4ssw0rd</c>). Less than <see cref="LeastUnknown"/> characters left is little more than a known password.
/// </remarks>
internal static class PasswordRules
{
    public const int Shortest = 12;
    public const int Longest = 1024;

    // A character as people see it can have many UTF-16 units; some bound must hold for those too.
    private const int LongestUnits = 4 * Longest;

    private const int LeastUnknown = 5;
    private const int ShortestWord = 4;
    private const int ShortestOwn = 3;

    // Looked for at every place of the password. A longer one is looked for in pieces: the longest name is three of them.
    private const int LongestOwn = 67;
    private const int ShortestRun = 3;

    // A third word is chosen, no longer guessed: each after the second counts as that many unknown characters.
    private const int FreeWords = 2;

    private static readonly FrozenSet<string> Common = ReadCommon();

    private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> CommonWords = Common.GetAlternateLookup<ReadOnlySpan<char>>();

    private static readonly int LongestWord = Math.Max(LongestOwn, Common.Max(word => word.Length));

    // Ways over the keyboard (three layouts), the alphabet and the digits; also walked backwards.
    private static readonly string[] Ways = WithBackwards(
        "qwertyuiop", "qwertzuiop", "azertyuiop", "asdfghjkl", "qsdfghjklm", "zxcvbnm", "yxcvbnm", "wxcvbn",
        "qazwsxedcrfvtgbyhnujmikolp", "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p", "1q2w3e4r5t6y7u8i9o0p", "q1w2e3r4t5y6u7i8o9p0", "qweasdzxc", "qaywsxedc",
        "abcdefghijklmnopqrstuvwxyz", "a1b2c3d4e5f6g7h8", "01234567890", "147258369", "159357", "!@#$%^&*()", "!\"§$%&/()=");

    /// <param name="own">What belongs to the person: address, names, organisation.</param>
    /// <returns>Null when it is a good one; else how the sentence goes on after the name of the field.</returns>
    public static string? Complaint(string password, IEnumerable<string> own)
    {
        if (TooLong(password))
        {
            return $"must have at most {Longest} characters.";
        }

        if (new StringInfo(password).LengthInTextElements < Shortest)
        {
            return $"must have at least {Shortest} characters; a few words in a row are easy to remember.";
        }

        var folded = password.ToLowerInvariant();
        if (Unknown(folded, []) < LeastUnknown)
        {
            return "is among those that are guessed first; take a few words that have nothing to do with each other.";
        }

        var mine = own.SelectMany(Parts).ToHashSet();
        return Unknown(folded, mine) < LeastUnknown
            ? "is little more than your name, e-mail address or organisation; take a few words that have nothing to do with you."
            : null;
    }

    /// <summary>Longer than any password that we have ever accepted; hashing it would only cost time.</summary>
    public static bool TooLong(string password) => password.Length > LongestUnits || new StringInfo(password).LengthInTextElements > Longest;

    /// <summary>How many characters are left when everything known is taken away, the longest first from each place on.</summary>
    private static int Unknown(string password, HashSet<string> own)
    {
        password = Period(password) ?? password;
        var plain = WithoutDisguise(password);
        var mine = own.GetAlternateLookup<ReadOnlySpan<char>>();
        var unknown = 0;
        var words = 0;
        for (var i = 0; i < password.Length;)
        {
            var word = Math.Max(WordAt(password, i, mine), WordAt(plain, i, mine));
            var run = RunAt(password, i);
            if (word >= run && word > 0)
            {
                i += word;
                unknown += ++words > FreeWords ? ShortestWord : 0;
            }
            else if (run > 0)
            {
                i += run;
            }
            else
            {
                i++;
                unknown++;
            }
        }

        return unknown;
    }

    private static int WordAt(ReadOnlySpan<char> password, int start, HashSet<string>.AlternateLookup<ReadOnlySpan<char>> own)
    {
        for (var length = Math.Min(password.Length - start, LongestWord); length >= ShortestOwn; length--)
        {
            var word = password.Slice(start, length);
            if (CommonWords.Contains(word) || own.Contains(word))
            {
                return length;
            }
        }

        return 0;
    }

    /// <summary>Length of the run, year or repeated character that begins here; 0 for none.</summary>
    private static int RunAt(string password, int start)
    {
        var rest = password.AsSpan(start);
        var same = rest.IndexOfAnyExcept(rest[0]) is var end and >= 0 ? end : rest.Length;
        var run = same >= ShortestRun ? same : 0;
        foreach (var way in Ways)
        {
            for (var from = way.IndexOf(rest[0]); from >= 0; from = way.IndexOf(rest[0], from + 1))
            {
                var length = rest.CommonPrefixLength(way.AsSpan(from));
                run = length >= ShortestRun ? Math.Max(run, length) : run;
            }
        }

        // 19xx and 20xx: years of birth, graduation, and this one.
        var year = rest.Length >= 4 && rest[..2] is "19" or "20" && char.IsAsciiDigit(rest[2]) && char.IsAsciiDigit(rest[3]);
        return year ? Math.Max(run, 4) : run;
    }

    /// <summary>What is written over and over; null when the text does not repeat itself.</summary>
    private static string? Period(string text)
    {
        // A text with period p is found in its own double at p.
        var period = (text + text).IndexOf(text, 1, StringComparison.Ordinal);
        return period < text.Length ? text[..period] : null;
    }

    /// <summary>Whole texts, and their pieces: <c>ada.lovelace@example.org</c> is guessed as ada, lovelace, example too.</summary>
    private static IEnumerable<string> Parts(string text)
    {
        var folded = text.Trim().ToLowerInvariant();
        var pieces = folded.Split([' ', '.', '@', '-', '_', '+', ',', '\''], StringSplitOptions.RemoveEmptyEntries);
        return pieces.Append(folded).Append(string.Concat(pieces)).Append(folded.Split('@')[0])
            .SelectMany(piece => piece.Chunk(LongestOwn)).Where(piece => piece.Length >= ShortestOwn).Select(piece => new string(piece));
    }

    /// <summary>The letters that digits and signs stand for.</summary>
    private static string WithoutDisguise(string text)
    {
        var letters = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            letters.Append(c switch { '0' => 'o', '1' or '!' or '|' => 'i', '3' or '€' => 'e', '4' or '@' => 'a', '5' or '$' => 's', '7' or '+' => 't', '8' => 'b', _ => c });
        }

        return letters.ToString();
    }

    private static string[] WithBackwards(params string[] ways) => [.. ways, .. ways.Select(way => new string([.. way.Reverse()]))];

    private static FrozenSet<string> ReadCommon()
    {
        using var stream = typeof(PasswordRules).Assembly.GetManifestResourceStream("common-passwords.txt")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).ToFrozenSet();
    }
}
