using System.Globalization;

namespace Kraliki.Load;

/// <summary>What to measure and how, from the command line: <c>--name value</c> for each property, kebab-case.</summary>
/// <param name="Server">Base URL of the running server, <c>http://127.0.0.1:5080</c>.</param>
/// <param name="Pid">Process to measure; 0 measures latency and loss only.</param>
/// <param name="Name">First column of the printed row.</param>
/// <param name="Calls">Calls open at the same time.</param>
/// <param name="Seconds">Length of the measured window.</param>
/// <param name="WarmUp">Seconds between the last call's opening and the window.</param>
/// <param name="Ramp">Calls opened per second.</param>
/// <param name="EchoPort">Port on which the echoing provider listens; the server is started with it as the provider's base URL.</param>
/// <param name="AnswerMs">Length of one echoed answer; then it is finished and the next begins, so that turns reach the journal.</param>
/// <param name="AccountSid">Carrier account in the signed webhook.</param>
/// <param name="AuthToken">Signs the webhook.</param>
/// <param name="PublicUrl">The URL that the signature covers, when it is not <paramref name="Server"/>.</param>
internal sealed record LoadOptions(
    string Server = "http://127.0.0.1:5080",
    int Pid = 0,
    string Name = "kraliki",
    int Calls = 100,
    int Seconds = 20,
    int WarmUp = 45,
    int Ramp = 40,
    int EchoPort = 9090,
    int AnswerMs = 5000,
    string AccountSid = "AC00000000000000000000000000000001",
    string AuthToken = "load-test-token",
    string? PublicUrl = null)
{
    /// <exception cref="ArgumentException">Names the unknown or malformed argument.</exception>
    public static LoadOptions Parse(string[] args)
    {
        var options = new LoadOptions();
        for (var i = 0; i < args.Length; i += 2)
        {
            var value = i + 1 < args.Length ? args[i + 1] : throw new ArgumentException($"{args[i]} needs a value.");
            options = args[i] switch
            {
                "--server" => options with { Server = value.TrimEnd('/') },
                "--pid" => options with { Pid = Number(args[i], value) },
                "--name" => options with { Name = value },
                "--calls" => options with { Calls = Number(args[i], value) },
                "--seconds" => options with { Seconds = Number(args[i], value) },
                "--warm-up" => options with { WarmUp = Number(args[i], value) },
                "--ramp" => options with { Ramp = Number(args[i], value) },
                "--echo-port" => options with { EchoPort = Number(args[i], value) },
                "--answer-ms" => options with { AnswerMs = Number(args[i], value) },
                "--account-sid" => options with { AccountSid = value },
                "--auth-token" => options with { AuthToken = value },
                "--public-url" => options with { PublicUrl = value.TrimEnd('/') },
                _ => throw new ArgumentException($"Unknown argument {args[i]}."),
            };
        }

        return options;
    }

    private static int Number(string name, string value) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new ArgumentException($"{name} takes a whole number, not '{value}'.");
}
