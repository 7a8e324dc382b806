using System.Globalization;
using System.Text.RegularExpressions;

namespace Kraliki.Browser.Tests.Design;

/// <summary>The colours' promises, computed from the tokens as they stand (WCAG 2.1, 1.4.3 and 1.4.11).</summary>
public sealed partial class ContrastTests
{
    private static readonly string[] Grounds = ["bg", "surface", "raised", "accent-soft"];

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Text_and_outlines_stand_out_from_every_ground(int theme)
    {
        var colours = Themes()[theme];
        string[] texts = ["text", "muted", "accent", "caller", "ai", "operator", "supervisor", "danger", "warning"];
        var weak = from ground in Grounds
                   from text in texts
                   where Contrast(colours[text], colours[ground]) < 4.5
                   select $"{text} on {ground}: {Contrast(colours[text], colours[ground]):0.00}";
        Assert.Empty(weak);

        (string Text, string Ground)[] pairs =
            [("on-accent", "accent"), ("on-accent", "accent-hover"), ("on-danger", "danger"), ("on-danger", "danger-hover"), ("danger", "danger-soft"), ("warning", "warning-soft"), ("text", "danger-soft")];
        Assert.DoesNotContain(pairs, pair => Contrast(colours[pair.Text], colours[pair.Ground]) < 4.5);
        Assert.DoesNotContain(Grounds, ground => ground != "accent-soft" && Contrast(colours["line-strong"], colours[ground]) < 3);
    }

    /// <summary>Light, then dark; dark inherits what it does not set.</summary>
    private static List<Dictionary<string, string>> Themes()
    {
        using var stream = typeof(ContrastTests).Assembly.GetManifestResourceStream("tokens.css")!;
        using var reader = new StreamReader(stream);
        var blocks = reader.ReadToEnd().Split(":root[data-theme=\"dark\"]");
        var light = Read(blocks[0]);
        var dark = new Dictionary<string, string>(light);
        foreach (var (name, value) in Read(blocks[1]))
        {
            dark[name] = value;
        }

        return [light, dark];
    }

    private static Dictionary<string, string> Read(string css) =>
        Token().Matches(css).GroupBy(match => match.Groups[1].Value).ToDictionary(group => group.Key, group => group.First().Groups[2].Value);

    private static double Contrast(string one, string other)
    {
        double[] both = [Luminance(one), Luminance(other)];
        return (both.Max() + 0.05) / (both.Min() + 0.05);
    }

    private static double Luminance(string hex)
    {
        var (r, g, b) = (Channel(hex[..2]), Channel(hex[2..4]), Channel(hex[4..]));
        return (0.2126 * r) + (0.7152 * g) + (0.0722 * b);

        static double Channel(string two)
        {
            var value = int.Parse(two, NumberStyles.HexNumber, CultureInfo.InvariantCulture) / 255.0;
            return value <= 0.03928 ? value / 12.92 : Math.Pow((value + 0.055) / 1.055, 2.4);
        }
    }

    [GeneratedRegex("--([a-z-]+): #([0-9a-f]{6});")]
    private static partial Regex Token();
}
