using System.Globalization;

namespace Kraliki.Simulators;

/// <summary>The command line of the executable: names of simulators, then options. <c>--name value</c> and <c>--name=value</c> are the same; an option of <see cref="Flags"/> takes no value.</summary>
public sealed class SimulatorArguments
{
    private static readonly string[] Flags = ["tls", "accept-any-certificate"];

    private readonly Dictionary<string, string> _options = [];

    /// <exception cref="ArgumentException">The message says what is wrong, for the terminal.</exception>
    public SimulatorArguments(IReadOnlyList<string> arguments)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        var names = new List<string>();
        for (var i = 0; i < arguments.Count; i++)
        {
            var argument = arguments[i];
            if (!argument.StartsWith("--", StringComparison.Ordinal))
            {
                names.Add(argument);
                continue;
            }
            var (name, value) = argument[2..].Split('=', 2) is [var before, var after] ? (before, after) : (argument[2..], null);
            if (value is null && Flags.Contains(name))
                value = "true";
            else if (value is null && i + 1 < arguments.Count)
                value = arguments[++i];
            _options[name] = value ?? throw new ArgumentException($"--{name} needs a value.");
        }
        Names = names;
    }

    public IReadOnlyList<string> Names { get; }

    public bool Has(string option) => _options.ContainsKey(option);

    public string? Text(string option) => _options.GetValueOrDefault(option);

    public int? Number(string option) => Text(option) is not { } text
        ? null
        : int.TryParse(text, CultureInfo.InvariantCulture, out var number) ? number : throw new ArgumentException($"--{option} needs a number, not '{text}'.");

    /// <summary>Where to listen: <c>--port</c> for a single simulator, otherwise <c>--twilio-port</c> and so on; 0 takes a free port.</summary>
    public SimulatorHostOptions Host(string name) => new(Number($"{name}-port") ?? (Names.Count == 1 ? Number("port") : null) ?? 0, Has("tls"));
}

/// <param name="Description">What the executable prints about it, as one line of JSON.</param>
public sealed record RunningSimulator(IAsyncDisposable Simulator, object Description);
