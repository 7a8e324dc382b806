using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.IO.Enumeration;

namespace Kraliki.Server.Rehearsals.Matrix;

/// <summary>The command line of <c>rehearse --all</c>, read and checked.</summary>
/// <param name="Filters">Parts of names of calls, with <c>*</c> for anything; one of them must fit. Empty takes all.</param>
/// <param name="Parallel">Calls at a time.</param>
/// <param name="Out">Where the report goes; null writes none.</param>
/// <param name="List">Names the calls and runs none.</param>
/// <param name="Server">What goes on to the servers.</param>
internal sealed record MatrixArguments(IReadOnlyList<string> Filters, int Parallel, string? Out, bool List, IReadOnlyList<string> Server)
{
    public const string Usage =
        """
        Usage: ./run.sh rehearse --all [--filter a,b*c] [--parallel N] [--out DIR] [--list] [--Kraliki:Key=value ...]

        Runs every script with every provider (simulated), in peace and with each fault, and the first script with a switch
        between every two providers. --filter takes parts of names such as booking/openai/drop; --list prints the names.
        --out writes rehearsals.html and rehearsals.xml (JUnit) into a folder. Exit code 0: every call was as it must be;
        1: not; 2: a wrong argument; 130: interrupted.
        """;

    // A call takes about an eighth of a core with its caller, its provider and its server; beyond, they wait for each other.
    private const int PerCore = 3;
    private const int MostParallel = 64;

    /// <summary>Whether this is meant, and not a single practice call.</summary>
    public static bool Wanted(IReadOnlyList<string> args) => args.Contains("--all") || args.Contains("--list");

    public bool Takes(string name) => Filters.Count == 0 || Filters.Any(filter => FileSystemName.MatchesSimpleExpression($"*{filter}*", name));

    /// <param name="problem">What is wrong, in sentences; null when nothing is.</param>
    public static bool TryRead(IReadOnlyList<string> args, [NotNullWhen(true)] out MatrixArguments? arguments, [NotNullWhen(false)] out string? problem)
    {
        arguments = new([], Math.Clamp(Environment.ProcessorCount * PerCore, 1, MostParallel), null, false, []);
        for (int i = 0; i < args.Count; i++)
        {
            var (name, value) = args[i].Split('=', 2) is [var left, var right] ? (left, right) : (args[i], null);
            bool takesValue = name is "--filter" or "--parallel" or "--out" || name.Contains(':', StringComparison.Ordinal);
            if (takesValue && value is null)
            {
                value = i + 1 < args.Count ? args[++i] : "";
            }

            switch (name)
            {
                case "--all":
                    break;
                case "--list":
                    arguments = arguments with { List = true };
                    break;
                case "--filter":
                    arguments = arguments with { Filters = [.. arguments.Filters, .. value!.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)] };
                    break;
                case "--parallel" when int.TryParse(value, CultureInfo.InvariantCulture, out int parallel) && parallel is >= 1 and <= MostParallel:
                    arguments = arguments with { Parallel = parallel };
                    break;
                case "--parallel":
                    problem = $"--parallel takes a number from 1 to {MostParallel}, not '{value}'.";
                    arguments = null;
                    return false;
                case "--out" when !string.IsNullOrWhiteSpace(value):
                    arguments = arguments with { Out = value };
                    break;
                case var _ when name.StartsWith("--", StringComparison.Ordinal) && name.Contains(':', StringComparison.Ordinal):
                    arguments = arguments with { Server = [.. arguments.Server, $"{name}={value}"] };
                    break;
                default:
                    problem = $"'{args[i]}' does not go with --all.\n\n{Usage}";
                    arguments = null;
                    return false;
            }
        }

        problem = null;
        return true;
    }
}
