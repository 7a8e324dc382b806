using Kraliki.Contracts;
using Kraliki.Server.Hosting;

namespace Kraliki.Server.Providers;

/// <summary><c>validate-config</c>: reads the settings as the server does, tells what each key is worth, and starts nothing.</summary>
internal static class ValidateConfigCommand
{
    public const string Usage = "validate-config [--Kraliki:<setting>=<value> …]   checks all settings and tries every key; exit code 0 when the server could be used like this, else 1";

    /// <param name="args">What follows the word <c>validate-config</c>.</param>
    /// <returns>The exit code.</returns>
    /// <exception cref="StartRefusedException">A setting is wrong.</exception>
    public static async Task<int> RunAsync(string[] args, TextWriter output, CancellationToken cancellationToken)
    {
        if (args.Contains("--help"))
        {
            await output.WriteLineAsync(Usage);
            return 0;
        }

        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = args, ApplicationName = "Kraliki.Server", ContentRootPath = AppContext.BaseDirectory });
        using var checks = new KeyChecks(Configuration.Read(builder.Configuration), TimeProvider.System);
        var report = await checks.RunAsync(cancellationToken);
        var width = report.Keys.Max(key => key.Key.Length);
        foreach (var key in report.Keys)
        {
            await output.WriteLineAsync($"{key.Key.PadRight(width)}  {WireWord.Of(key.Verdict).Replace('_', ' '),-11}  {key.Detail}");
        }

        return report.Usable ? 0 : 1;
    }
}
