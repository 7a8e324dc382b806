using Kraliki.LocalSpeech;
using Kraliki.Simulators.Chat;
using Kraliki.Simulators.Deepgram;
using Kraliki.Simulators.Faults;
using Kraliki.Simulators.Gemini;
using Kraliki.Simulators.OpenAI;
using Kraliki.Voice.Providers;

namespace Kraliki.Server.Rehearsals.Matrix;

/// <summary>The vendors of one stage, each on a port of its own, so that a fault meets the calls of this stage and no others.</summary>
internal sealed class SimulatedVendors : IAsyncDisposable
{
    private const string Key = "sk-rehearsal";

    // Connections of the call before that a fault holds open still.
    private HashSet<string> _left = [];

    private SimulatedVendors(OpenAiSimulator openAI, GeminiSimulator gemini, DeepgramSimulator deepgram, ChatSimulator chat) =>
        (OpenAI, Gemini, Deepgram, Chat) = (openAI, gemini, deepgram, chat);

    public OpenAiSimulator OpenAI { get; }

    public GeminiSimulator Gemini { get; }

    public DeepgramSimulator Deepgram { get; }

    public ChatSimulator Chat { get; }

    /// <summary>The embedded provider; set once the server is built.</summary>
    public BreakableProvider? Local { get; private set; }

    /// <summary>What makes a server use them.</summary>
    public IReadOnlyList<string> Settings =>
    [
        "--Kraliki:Demo=true",
        $"--Kraliki:Providers:OpenAI:ApiKey={Key}", $"--Kraliki:Providers:OpenAI:BaseUrl={OpenAI.BaseUrl}",
        $"--Kraliki:Providers:Gemini:ApiKey={Key}", $"--Kraliki:Providers:Gemini:BaseUrl={Gemini.BaseUrl}",
        $"--Kraliki:Providers:Deepgram:ApiKey={Key}", $"--Kraliki:Providers:Deepgram:BaseUrl={Deepgram.BaseUrl}",
        $"--Kraliki:Providers:Llm:ApiKey={Key}", $"--Kraliki:Providers:Llm:BaseUrl={Chat.BaseUrl}",
    ];

    /// <summary>How many faults have come about so far.</summary>
    public int Happened => Kits.Sum(kit => kit.Happened) + (Local?.Happened ?? 0);

    private IEnumerable<FaultKit> Kits => [OpenAI.Faults, Gemini.Faults, Deepgram.ListenFaults, Deepgram.SpeakFaults, Deepgram.AgentFaults, Chat.Faults];

    public static async Task<SimulatedVendors> StartAsync(RecognizerPool recognizers, CancellationToken cancellationToken) => new(
        await OpenAiSimulator.StartAsync(new() { Keys = [Key], Recognizers = recognizers }, cancellationToken),
        await GeminiSimulator.StartAsync(new() { Keys = [Key], Recognizers = recognizers }, cancellationToken),
        await DeepgramSimulator.StartAsync(new() { Keys = [Key], Recognizers = recognizers }, cancellationToken),
        await ChatSimulator.StartAsync(new() { Keys = [Key] }, cancellationToken));

    public IVoiceProvider MakeBreakable(IVoiceProvider local) => Local = new BreakableProvider(local);

    /// <summary>Nothing goes wrong any more, but what a fault has frozen.</summary>
    public void Clear()
    {
        _left = [.. Kits.SelectMany(kit => kit.Connections)];
        foreach (var kit in Kits)
        {
            kit.Clear();
        }

        Local?.Fail(Break.None);
    }

    /// <summary>Does this to the call that runs: to its open connections, or where it has none, to its next. A stage has one call at a time.</summary>
    public void Strike(FaultKit kit, Fault fault)
    {
        var open = kit.Connections.Where(connection => !_left.Contains(connection)).ToList();
        if (open.Count == 0)
        {
            kit.Arm(fault);
        }

        foreach (string connection in open)
        {
            try
            {
                kit.Arm(fault with { Connection = connection });
            }
            catch (ArgumentException)
            {
                // Closed in this very moment; the judge sees whether any fault came about.
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await OpenAI.DisposeAsync();
        await Gemini.DisposeAsync();
        await Deepgram.DisposeAsync();
        await Chat.DisposeAsync();
    }
}
