using System.Security.Cryptography;
using Kraliki.LocalSpeech;
using Kraliki.Server.Hosting;
using Kraliki.Simulators.OpenAI;

namespace Kraliki.Server.Providers;

/// <summary>In demo mode and without a key: an OpenAI of our own on loopback takes the provider's place from the start.</summary>
internal sealed class SimulatedOpenAI(KralikiOptions options, VoiceProviders providers, RecognizerPool recognizers, TimeProvider time) : IHostedService
{
    private OpenAiSimulator? _simulator;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (!options.Demo || options.Providers.OpenAI.ApiKey is not null)
        {
            return;
        }

        string key = "sk-demo-" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12));
        _simulator = await OpenAiSimulator.StartAsync(
            new OpenAiSimulatorOptions { TimeProvider = time, Keys = [key], Recognizers = recognizers }, cancellationToken);
        providers.Simulate("openai", keys => keys with { OpenAI = keys.OpenAI with { ApiKey = new(key), BaseUrl = _simulator.BaseUrl } });
        if (SpeechParts.Check().Count == 0)
        {
            // Loads the first decoder meanwhile, so that the first practice call does not wait for it.
            recognizers.Prepare();
        }
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_simulator is not null)
        {
            await _simulator.DisposeAsync();
        }
    }
}
