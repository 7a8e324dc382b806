using Kraliki.Contracts;
using Kraliki.LocalSpeech;

namespace Kraliki.Voice.Providers.Local;

/// <summary>
/// The provider that needs no key and no network: hears, thinks and speaks in this process with <c>Kraliki.LocalSpeech</c>.
/// For demonstration, rehearsals and development; it understands synthetic callers well and people badly.
/// </summary>
/// <param name="recognizers">Shared by all connections.</param>
public sealed class LocalProvider(RecognizerPool recognizers) : IVoiceProvider
{
    internal const string Model = "pocketsphinx, small talk, flite";

    public string Name => "local";

    public ProviderCapabilities Capabilities { get; } = new(
        [VoiceStrategy.Realtime, VoiceStrategy.Segmented], DetectsTurns: true, Truncates: true, SpeaksFirst: true, Model);

    public IProviderConnection Connect(ProviderSetup setup, IProviderEvents events)
    {
        var connection = new LocalConnection(recognizers, setup, events);
        connection.Start();
        return connection;
    }
}
