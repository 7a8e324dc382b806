using System.Diagnostics.CodeAnalysis;
using Kraliki.Simulators.Callers;

namespace Kraliki.Server.Rehearsals;

/// <summary>The command line of <c>rehearse</c>, read and checked.</summary>
/// <param name="Provider">Null is the installation's default.</param>
/// <param name="Server">What goes on to the server: <c>--Kraliki:…</c>, <c>--Logging:…</c>.</param>
internal sealed record RehearseArguments(CallerScript Script, string? Provider, IReadOnlyList<string> Server)
{
    public const string Usage =
        """
        Usage: ./run.sh rehearse [script] [--provider openai|gemini|deepgram|deepgram_agent|local] [--Kraliki:Key=value ...]

        Runs one call against a simulated caller, prints the conversation and the report. Exit code 0: every expectation was
        met; 1: not, or the call could not be run; 2: a wrong argument; 130: interrupted.
        """;

    public static string KnownScripts => "Known scripts: " + string.Join(", ", CallerScripts.All.Select(script => script.Name)) + "; or the path of a .yaml file.";

    /// <param name="problem">What is wrong, in sentences; null when nothing is.</param>
    public static bool TryRead(IReadOnlyList<string> args, [NotNullWhen(true)] out RehearseArguments? arguments, [NotNullWhen(false)] out string? problem)
    {
        arguments = null;
        string? script = null;
        string? provider = null;
        var server = new List<string>();
        for (int i = 0; i < args.Count; i++)
        {
            if (!args[i].StartsWith("--", StringComparison.Ordinal))
            {
                if (script is not null)
                {
                    problem = $"'{args[i]}' is one script too many: one call has one caller.";
                    return false;
                }

                script = args[i];
                continue;
            }

            var (name, value) = args[i][2..].Split('=', 2) is [var left, var right] ? (left, right) : (args[i][2..], i + 1 < args.Count ? args[++i] : "");
            if (name == "provider")
            {
                provider = value;
            }
            else if (name.Contains(':', StringComparison.Ordinal))
            {
                server.Add($"--{name}={value}");
            }
            else
            {
                problem = $"'--{name}' is not an option of rehearse.\n\n{Usage}";
                return false;
            }
        }

        problem = Find(script, out var found);
        if (problem is not null)
        {
            return false;
        }

        arguments = new(found!, provider, server);
        return true;
    }

    private static string? Find(string? nameOrPath, out CallerScript? script)
    {
        script = null;
        try
        {
            script = CallerScripts.Find(nameOrPath);
            return null;
        }
        catch (FormatException unreadable)
        {
            return unreadable.Message;
        }
        catch (Exception e) when (e is ArgumentException or IOException or UnauthorizedAccessException)
        {
            return $"There is no caller script '{nameOrPath}'. {KnownScripts}";
        }
    }
}
