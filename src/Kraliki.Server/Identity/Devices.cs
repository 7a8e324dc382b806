namespace Kraliki.Server.Identity;

/// <summary>Says in words what a person signed in with. Good enough to recognise one's own devices; nothing is decided by it.</summary>
internal static class Devices
{
    // Order matters: Edge and Opera also call themselves Chrome, and Chrome calls itself Safari.
    private static readonly (string Sign, string Name)[] Programs =
    [
        ("Kraliki", "Kraliki client"),
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser/", "Samsung Internet"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("CriOS/", "Chrome"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
        ("python", "Python program"),
        ("node", "Node program"),
    ];

    // iPads and Android phones also name the system they are like.
    private static readonly (string Sign, string Name)[] Systems =
    [
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("CrOS", "ChromeOS"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ];

    /// <returns>"Chrome on Linux", "Kraliki client".</returns>
    public static string Name(string? userAgent)
    {
        var program = Find(Programs, userAgent);
        var system = Find(Systems, userAgent);
        return (program, system) switch
        {
            (null, null) => "Unknown device",
            (null, _) => $"A program on {system}",
            (_, null) => program,
            _ => $"{program} on {system}",
        };
    }

    private static string? Find((string Sign, string Name)[] known, string? userAgent) =>
        userAgent is null ? null : known.FirstOrDefault(entry => userAgent.Contains(entry.Sign, StringComparison.Ordinal)).Name;
}
