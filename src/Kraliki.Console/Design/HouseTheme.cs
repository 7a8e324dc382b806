using MudBlazor;

namespace Kraliki.OperatorConsole.Design;

/// <summary>MudBlazor's shapes and type; its colours come from <c>css/tokens.css</c> through <c>css/mud.css</c>.</summary>
public static class HouseTheme
{
    private static readonly string[] Family = ["ui-sans-serif", "system-ui", "Segoe UI", "Roboto", "Noto Sans", "sans-serif"];

    public static MudTheme Theme { get; } = new()
    {
        LayoutProperties = new() { DefaultBorderRadius = "6px" },
        Typography = new()
        {
            Default = new DefaultTypography { FontFamily = Family, FontSize = "0.9375rem", LineHeight = "1.45", LetterSpacing = "normal" },
            Body1 = new Body1Typography { FontFamily = Family, FontSize = "0.9375rem", LineHeight = "1.45", LetterSpacing = "normal" },
            Body2 = new Body2Typography { FontFamily = Family, FontSize = "0.875rem", LineHeight = "1.45", LetterSpacing = "normal" },
            H6 = new H6Typography { FontFamily = Family, FontSize = "1.125rem", FontWeight = "600", LetterSpacing = "normal" },
            Button = new ButtonTypography { FontFamily = Family, FontSize = "0.875rem", FontWeight = "600", LetterSpacing = "normal", TextTransform = "none" },
        },
    };
}
