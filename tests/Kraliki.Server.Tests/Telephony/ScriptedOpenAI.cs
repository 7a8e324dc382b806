using Kraliki.Simulators.OpenAI;

namespace Kraliki.Server.Tests.Telephony;

/// <summary>The simulated OpenAI with a made-up ear, mind and voice: every turn of the caller is heard as the same words, every answer is a short tone.</summary>
internal sealed class ScriptedOpenAI : IAsyncDisposable
{
    public const string Key = "sk-test-0123456789";
    public const string CallerWords = "Remember the number seven.";
    public const string AnswerWords = "I will remember.";

    private readonly Lock _gate = new();
    private readonly List<MindInput> _asked = [];
    private OpenAiSimulator? _simulator;

    /// <summary>What the caller is heard to say from now on.</summary>
    public string Heard { get; set; } = CallerWords;

    /// <summary>What the model does with each question; null says <see cref="AnswerWords"/>.</summary>
    public Mind? Mind { get; set; }

    public OpenAiSimulator Simulator => _simulator!;

    /// <summary>What the model was asked so far.</summary>
    public IReadOnlyList<MindInput> Asked
    {
        get
        {
            lock (_gate)
            {
                return [.. _asked];
            }
        }
    }

    public static async Task<ScriptedOpenAI> StartAsync(CancellationToken cancellationToken, TimeSpan? thinkTime = null)
    {
        var scripted = new ScriptedOpenAI();
        scripted._simulator = await OpenAiSimulator.StartAsync(
            new OpenAiSimulatorOptions
            {
                Keys = [Key],
                Ear = () => new Ear(scripted),
                Mind = scripted.Think,
                Voice = (_, _) => TestTone.Pcm(200),
                ThinkTime = thinkTime ?? TimeSpan.FromMilliseconds(1),
            },
            cancellationToken);
        return scripted;
    }

    public IReadOnlyDictionary<string, string> Settings(string key = Key) => new Dictionary<string, string>(TestCarrier.Settings)
    {
        ["Kraliki:Providers:OpenAI:ApiKey"] = key,
        ["Kraliki:Providers:OpenAI:BaseUrl"] = Simulator.BaseUrl.AbsoluteUri,
    };

    public ValueTask DisposeAsync() => Simulator.DisposeAsync();

    private MindReply Think(MindInput input)
    {
        lock (_gate)
        {
            _asked.Add(input);
        }

        return Mind?.Invoke(input) ?? new(AnswerWords);
    }

    private sealed class Ear(ScriptedOpenAI openAI) : IEar
    {
        public string? Impediment => null;

        public void Begin()
        {
        }

        public void Feed(ReadOnlySpan<short> pcm8k)
        {
        }

        public void End(Action<string?> heard) => heard(openAI.Heard);

        public void Abandon()
        {
        }

        public void Dispose()
        {
        }
    }
}
