using System.Reflection;

namespace Kraliki.Simulators.Callers;

/// <summary>The scripts that come with the simulators, by name, and any other by its path.</summary>
public static class CallerScripts
{
    private const string Prefix = "Kraliki.Simulators.Scripts.";

    private static readonly Lazy<IReadOnlyList<CallerScript>> Embedded = new(ReadEmbedded);

    /// <summary>The default script first, then by name.</summary>
    public static IReadOnlyList<CallerScript> All => Embedded.Value;

    public static CallerScript Default => All[0];

    /// <param name="nameOrPath">Null is the default script; a text ending in <c>.yaml</c> or <c>.yml</c> is a path.</param>
    /// <exception cref="ArgumentException">There is no such script.</exception>
    /// <exception cref="FormatException">The file cannot be read as a script; the message names line and key.</exception>
    public static CallerScript Find(string? nameOrPath)
    {
        if (nameOrPath is null)
            return Default;
        if (nameOrPath.EndsWith(".yaml", StringComparison.Ordinal) || nameOrPath.EndsWith(".yml", StringComparison.Ordinal))
        {
            return File.Exists(nameOrPath)
                ? CallerScriptReader.Read(File.ReadAllText(nameOrPath), nameOrPath)
                : throw new ArgumentException($"There is no file '{nameOrPath}'.", nameof(nameOrPath));
        }
        return All.FirstOrDefault(script => script.Name == nameOrPath)
            ?? throw new ArgumentException($"There is no caller script '{nameOrPath}'. Known: {string.Join(", ", All.Select(script => script.Name))}.", nameof(nameOrPath));
    }

    private static IReadOnlyList<CallerScript> ReadEmbedded()
    {
        var assembly = typeof(CallerScripts).Assembly;
        return [.. assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal))
            .Select(name => ReadResource(assembly, name))
            .OrderBy(script => script.Name != "booking")
            .ThenBy(script => script.Name, StringComparer.Ordinal)];
    }

    private static CallerScript ReadResource(Assembly assembly, string name)
    {
        using var text = new StreamReader(assembly.GetManifestResourceStream(name)!);
        return CallerScriptReader.Read(text.ReadToEnd(), name[Prefix.Length..]);
    }
}
