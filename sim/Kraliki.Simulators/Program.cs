using System.Runtime.InteropServices;
using System.Text.Json;
using Kraliki.Simulators;
using Kraliki.Simulators.Chat;
using Kraliki.Simulators.Deepgram;
using Kraliki.Simulators.Gemini;
using Kraliki.Simulators.OpenAI;
using Kraliki.Simulators.Twilio;

// Starts simulators and prints one line of JSON for each: where it listens and the keys it accepts.
//   Kraliki.Simulators twilio openai [--port N | --twilio-port N --openai-port N] [--tls]
var known = new Dictionary<string, Func<SimulatorArguments, CancellationToken, Task<RunningSimulator>>>
{
    ["chat"] = ChatSimulator.FromArgumentsAsync,
    ["deepgram"] = DeepgramSimulator.FromArgumentsAsync,
    ["gemini"] = GeminiSimulator.FromArgumentsAsync,
    ["openai"] = OpenAiSimulator.FromArgumentsAsync,
    ["twilio"] = TwilioSimulator.StartAsync,
};

var running = new List<RunningSimulator>();
using var stop = new CancellationTokenSource();
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
try
{
    var arguments = new SimulatorArguments(args);
    if (arguments.Names.Count == 0 || arguments.Names.Any(name => !known.ContainsKey(name)))
        throw new ArgumentException($"Name the simulators to start: {string.Join(", ", known.Keys)}.");
    foreach (var name in arguments.Names)
    {
        var simulator = await known[name](arguments, stop.Token);
        running.Add(simulator);
        Console.WriteLine(JsonSerializer.Serialize(simulator.Description, ControlJson.Options));
    }
    var stopped = new TaskCompletionSource();
    using var _ = stop.Token.Register(stopped.SetResult);
    await stopped.Task;
    return 0;
}
catch (Exception wrong) when (wrong is ArgumentException or IOException)
{
    await Console.Error.WriteLineAsync(wrong.Message);
    return 2;
}
finally
{
    foreach (var simulator in running)
        await simulator.Simulator.DisposeAsync();
}

void OnSignal(PosixSignalContext context)
{
    context.Cancel = true;
    stop.Cancel();
}
