using System.Security.Cryptography;
using Kraliki.LocalSpeech;
using Kraliki.Server.Hosting;
using Kraliki.Simulators;
using Kraliki.Simulators.Chat;
using Kraliki.Simulators.Deepgram;
using Kraliki.Simulators.Gemini;
using Kraliki.Simulators.OpenAI;

namespace Kraliki.Server.Providers;

/// <summary>In demo mode: services of our own on loopback take the place of each vendor that has no key, from the start.</summary>
/// <remarks>
/// They cost next to nothing until they are called: all share one web server, and whoever hears loads its recogniser when its
/// first call begins, while the greeting is spoken. A node that starts has other things to do.
/// </remarks>
internal sealed class SimulatedProviders(KralikiOptions options, VoiceProviders providers, RecognizerPool recognizers, TimeProvider time) : IHostedService
{
    private readonly List<IAsyncDisposable> _simulators = [];
    private SimulatorServer? _server;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (!options.Demo)
        {
            return;
        }

        _server = await SimulatorServer.StartAsync(new(), cancellationToken);
        var given = options.Providers;
        if (given.OpenAI.ApiKey is null)
        {
            string key = NewKey();
            var openAI = Kept(await OpenAiSimulator.StartAsync(new() { Host = At("openai"), TimeProvider = time, Keys = [key], Recognizers = recognizers }, cancellationToken));
            providers.Simulate(["openai"], keys => keys with { OpenAI = new(new(key), openAI.BaseUrl) });
        }

        if (given.Gemini.ApiKey is null)
        {
            string key = NewKey();
            var gemini = Kept(await GeminiSimulator.StartAsync(new() { Host = At("gemini"), TimeProvider = time, Keys = [key], Recognizers = recognizers }, cancellationToken));
            providers.Simulate(["gemini"], keys => keys with { Gemini = new(new(key), gemini.BaseUrl) });
        }

        if (given.Deepgram.ApiKey is null)
        {
            string key = NewKey();
            var deepgram = Kept(await DeepgramSimulator.StartAsync(new() { Host = At("deepgram"), TimeProvider = time, Keys = [key], Recognizers = recognizers }, cancellationToken));
            providers.Simulate(["deepgram", "deepgram_agent"], keys => keys with { Deepgram = new(new(key), deepgram.BaseUrl) });
        }

        if (given.Llm is { ApiKey: null, BaseUrl: null })
        {
            string key = NewKey();
            var chat = Kept(await ChatSimulator.StartAsync(new() { Host = At("chat"), TimeProvider = time, Keys = [key] }, cancellationToken));
            providers.Simulate(["deepgram"], keys => keys with { Llm = new(new(key), chat.BaseUrl) });
        }
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        foreach (var simulator in _simulators)
        {
            await simulator.DisposeAsync();
        }

        if (_server is not null)
        {
            await _server.DisposeAsync();
        }
    }

    private static string NewKey() => "sk-demo-" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12));

    private SimulatorHostOptions At(string name) => new() { Server = _server, Name = name };

    private T Kept<T>(T simulator)
        where T : IAsyncDisposable
    {
        _simulators.Add(simulator);
        return simulator;
    }
}
