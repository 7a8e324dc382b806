using System.Collections.Frozen;
using System.Globalization;
using System.Text;

namespace Kraliki.Server.Identity;

/// <summary>
/// Normalization form C (UAX #15): one spelling of what looks the same, whichever keyboard or system typed it. The runtime's
/// own <see cref="string.Normalize()"/> leaves texts as they are here, because the server runs without ICU.
/// </summary>
/// <remarks>
/// <c>canonical-forms.txt</c> holds the canonical decompositions of Unicode 14 (<c>E9=65 301</c>; with <c>&gt;</c> those that
/// are never composed again) and the combining classes (<c>300-314:230</c>). Hangul is computed (Unicode §3.12).
/// </remarks>
internal static class CanonicalForm
{
    private const int HangulBase = 0xAC00, LeadBase = 0x1100, VowelBase = 0x1161, TailBase = 0x11A7;
    private const int Leads = 19, Vowels = 21, Tails = 28;

    private static readonly FrozenDictionary<int, int[]> Decompositions;
    private static readonly FrozenDictionary<(int First, int Second), int> Compositions;
    private static readonly FrozenDictionary<int, byte> Classes;

    static CanonicalForm()
    {
        var decompositions = new Dictionary<int, int[]>();
        var compositions = new Dictionary<(int, int), int>();
        var classes = new Dictionary<int, byte>();
        using var stream = typeof(CanonicalForm).Assembly.GetManifestResourceStream("canonical-forms.txt")!;
        using var reader = new StreamReader(stream);
        while (reader.ReadLine() is { } line)
        {
            if (line.Split(':') is [var range, var combiningClass])
            {
                var ends = range.Split('-');
                for (var c = Hex(ends[0]); c <= Hex(ends[1]); c++)
                {
                    classes[c] = byte.Parse(combiningClass, CultureInfo.InvariantCulture);
                }

                continue;
            }

            var sides = line.Split('=', '>');
            var parts = sides[1].Split(' ').Select(Hex).ToArray();
            decompositions[Hex(sides[0])] = parts;
            if (line.Contains('='))
            {
                compositions[(parts[0], parts[1])] = Hex(sides[0]);
            }
        }

        Decompositions = decompositions.ToFrozenDictionary();
        Compositions = compositions.ToFrozenDictionary();
        Classes = classes.ToFrozenDictionary();
    }

    public static string Of(string text)
    {
        if (text.All(char.IsAscii))
        {
            return text;
        }

        var points = new List<int>(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            Decompose(rune.Value, points);
        }

        Order(points);
        var composed = new StringBuilder(text.Length);
        foreach (var point in Compose(points))
        {
            composed.Append(new Rune(point));
        }

        return composed.ToString();
    }

    private static void Decompose(int point, List<int> into)
    {
        var hangul = point - HangulBase;
        if (hangul is >= 0 and < Leads * Vowels * Tails)
        {
            into.Add(LeadBase + (hangul / (Vowels * Tails)));
            into.Add(VowelBase + (hangul % (Vowels * Tails) / Tails));
            if (hangul % Tails != 0)
            {
                into.Add(TailBase + (hangul % Tails));
            }
        }
        else if (Decompositions.TryGetValue(point, out var parts))
        {
            foreach (var part in parts)
            {
                Decompose(part, into);
            }
        }
        else
        {
            into.Add(point);
        }
    }

    /// <summary>Marks after a letter stand in the order of their classes; equal classes keep theirs.</summary>
    private static void Order(List<int> points)
    {
        for (var i = 1; i < points.Count; i++)
        {
            var point = points[i];
            var to = i;
            while (to > 0 && Class(point) != 0 && Class(points[to - 1]) > Class(point))
            {
                points[to] = points[to - 1];
                to--;
            }

            points[to] = point;
        }
    }

    private static List<int> Compose(List<int> points)
    {
        var result = new List<int>(points.Count);
        var starter = -1;
        foreach (var point in points)
        {
            // A mark is blocked from its letter by a mark of the same or a higher class between them.
            var blocked = starter < 0 || (result.Count - 1 > starter && (Class(result[^1]) == 0 || Class(result[^1]) >= Class(point)));
            if (!blocked && Pair(result[starter], point) is { } whole)
            {
                result[starter] = whole;
                continue;
            }

            result.Add(point);
            starter = Class(point) == 0 ? result.Count - 1 : starter;
        }

        return result;
    }

    private static int? Pair(int first, int second)
    {
        var (lead, vowel, tail, hangul) = (first - LeadBase, second - VowelBase, second - TailBase, first - HangulBase);
        if (lead is >= 0 and < Leads && vowel is >= 0 and < Vowels)
        {
            return HangulBase + (((lead * Vowels) + vowel) * Tails);
        }

        if (hangul is >= 0 and < Leads * Vowels * Tails && hangul % Tails == 0 && tail is > 0 and < Tails)
        {
            return first + tail;
        }

        return Compositions.TryGetValue((first, second), out var whole) ? whole : null;
    }

    private static byte Class(int point) => Classes.GetValueOrDefault(point);

    private static int Hex(string text) => int.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
