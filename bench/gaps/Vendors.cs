using System.Net;
using Kraliki.LocalSpeech;
using Kraliki.Simulators.Chat;
using Kraliki.Simulators.Deepgram;
using Kraliki.Simulators.Gemini;
using Kraliki.Simulators.OpenAI;
using Kraliki.Voice.Providers;
using Kraliki.Voice.Providers.DeepgramAgent;
using Kraliki.Voice.Providers.Gemini;
using Kraliki.Voice.Providers.Local;
using Kraliki.Voice.Providers.OpenAI;
using Kraliki.Voice.Providers.Segmented;

namespace Kraliki.Gaps;

/// <summary>All vendors, simulated, and the real adapters to them. Hearing and speaking cost next to nothing, so that two cores measure the switching and not the speech.</summary>
internal sealed class Vendors : IAsyncDisposable
{
    public static readonly IReadOnlyList<string> Names = ["openai", "gemini", "deepgram", "deepgram_agent", "local"];

    private const string Key = "sk-gaps";

    // A call whose provider has fallen silent keeps a decoder until it is noticed.
    private readonly RecognizerPool _recognizers = new(capacity: 40);
    private OpenAiSimulator _openAI = null!;
    private GeminiSimulator _gemini = null!;
    private DeepgramSimulator _deepgram = null!;
    private ChatSimulator _chat = null!;

    public static async Task<Vendors> StartAsync(CancellationToken cancellationToken)
    {
        var vendors = new Vendors();
        vendors._openAI = await OpenAiSimulator.StartAsync(new() { Keys = [Key], Ear = () => new NoEar(), Voice = Beep }, cancellationToken);
        vendors._gemini = await GeminiSimulator.StartAsync(new() { Keys = [Key], Ear = () => new NoEar(), Voice = Beep }, cancellationToken);
        vendors._deepgram = await DeepgramSimulator.StartAsync(new() { Keys = [Key], Recognizers = vendors._recognizers, Voice = Beep }, cancellationToken);
        vendors._chat = await ChatSimulator.StartAsync(new() { Keys = [Key] }, cancellationToken);
        return vendors;
    }

    /// <summary>Where a vendor listens; null of the embedded provider, which has no wire.</summary>
    public IPEndPoint? EndPoint(string name) => name switch
    {
        "openai" => new(IPAddress.Loopback, _openAI.BaseUrl.Port),
        "gemini" => new(IPAddress.Loopback, _gemini.BaseUrl.Port),
        "deepgram" or "deepgram_agent" => new(IPAddress.Loopback, _deepgram.BaseUrl.Port),
        _ => null,
    };

    /// <param name="port">In place of the vendor's own.</param>
    public IVoiceProvider Provider(string name, int? port = null)
    {
        return name switch
        {
            "openai" => new OpenAiProvider(new OpenAiOptions { ApiKey = Key, BaseUrl = At(_openAI.BaseUrl) }, TimeProvider.System),
            "gemini" => new GeminiProvider(new GeminiOptions { ApiKey = Key, BaseUrl = At(_gemini.BaseUrl) }, TimeProvider.System),
            "deepgram" => new SegmentedProvider(new DeepgramOptions { ApiKey = Key, BaseUrl = At(_deepgram.BaseUrl) }, new LlmOptions { ApiKey = Key, BaseUrl = _chat.BaseUrl }, TimeProvider.System),
            "deepgram_agent" => new DeepgramAgentProvider(new DeepgramAgentOptions { ApiKey = Key, BaseUrl = At(_deepgram.BaseUrl) }, TimeProvider.System),
            _ => new LocalProvider(_recognizers),
        };

        Uri At(Uri own) => port is { } other ? new UriBuilder(own) { Port = other }.Uri : own;
    }

    public async ValueTask DisposeAsync()
    {
        await _openAI.DisposeAsync();
        await _gemini.DisposeAsync();
        await _deepgram.DisposeAsync();
        await _chat.DisposeAsync();
        _recognizers.Dispose();
    }

    private static short[] Beep(string text, string voice) => Tone;

    // Long enough to be an answer, and rising: one sound over and over is none.
    private static readonly short[] Tone = [.. Enumerable.Range(0, 400 * 8).Select(at => (short)(6000 * Math.Sin(2 * Math.PI * at * (200 + (at / 40.0)) / 8000)))];

    /// <summary>Hears that there was something, and never what.</summary>
    private sealed class NoEar : IEar
    {
        public string? Impediment => null;

        public void Begin()
        {
        }

        public void Feed(ReadOnlySpan<short> pcm8k)
        {
        }

        public void End(Action<string?> heard) => heard("something");

        public void Abandon()
        {
        }

        public void Dispose()
        {
        }
    }
}
