namespace Kraliki.OperatorConsole.SignIn;

/// <summary>Where a link may send the person after signing in: to a page of this console, never to another site.</summary>
public static class ReturnPath
{
    // Any origin will do: what counts is whether an address leaves it.
    private static readonly Uri Here = new("https://console.invalid/");

    /// <summary>The path that was asked for, with query and fragment; <c>/</c> for everything that does not stay on this site.</summary>
    public static string Safe(string? wanted)
    {
        // Browsers drop tabs and line breaks and take \ for /: "/\t/evil.example" is an address of another site to them.
        if (wanted is not ['/', ..] || wanted.Any(c => c == '\\' || char.IsControl(c)))
        {
            return "/";
        }

        var stays = Uri.TryCreate(Here, wanted, out var there)
            && there.GetLeftPart(UriPartial.Authority) == Here.GetLeftPart(UriPartial.Authority)
            && !there.AbsolutePath.StartsWith("//", StringComparison.Ordinal);
        return stays ? wanted : "/";
    }
}
