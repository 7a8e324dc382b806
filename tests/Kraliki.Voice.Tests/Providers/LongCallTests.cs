using System.Globalization;
using System.Threading.Channels;
using Kraliki.Contracts;
using Kraliki.Simulators.Gemini;
using Kraliki.Simulators.OpenAI;
using Kraliki.Voice.Providers;
using Kraliki.Voice.Providers.Gemini;
using Kraliki.Voice.Providers.OpenAI;
using Kraliki.Voice.Providers.Segmented;
using Kraliki.Voice.Tests.Simulators.OpenAI;
using Conversation = Kraliki.Voice.Providers.Conversation;

namespace Kraliki.Voice.Tests.Providers;

/// <summary>
/// An hour of talk, as fast as it goes: what each answer is made from, and billed by, stops growing. A turn takes 12 seconds
/// of the call: the caller speaks for 4 of them, the assistant for 6. The figures are in docs/performance.md.
/// </summary>
public sealed class LongCallTests(ITestOutputHelper output)
{
    private const int TurnsPerMinute = 5;
    private const int MsPerWord = 330;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Tokens_per_answer_stay_flat_with_OpenAI()
    {
        await using var simulator = await OpenAiSimulator.StartAsync(
            new() { ThinkTime = TimeSpan.Zero, OutputSpeed = 1_000_000, Ear = Ear, Mind = _ => new(AnswerOf(0)), Voice = Speech }, Cancel);
        await FlatAsync(new OpenAiProvider(new() { BaseUrl = simulator.BaseUrl, ApiKey = "sk-test" }, TimeProvider.System));
    }

    [Fact]
    public async Task Tokens_per_answer_stay_flat_with_Gemini()
    {
        await using var simulator = await GeminiSimulator.StartAsync(
            new() { ThinkTime = TimeSpan.Zero, OutputSpeed = 1_000_000, Ear = Ear, Mind = _ => new(AnswerOf(0)), Voice = Speech }, Cancel);
        await FlatAsync(new GeminiProvider(new() { BaseUrl = simulator.BaseUrl, ApiKey = "g-test" }, TimeProvider.System));
    }

    [Fact]
    public void Tokens_per_answer_stay_flat_with_a_language_model_between_ears_and_voice()
    {
        var provider = new SegmentedProvider(new() { ApiKey = "dg-test" }, new(), TimeProvider.System);
        var dialogue = new Dialogue(new ProviderSetup(Guid.CreateVersion7(), "Be kind.", ConversationContext.Empty, []), provider.Capabilities.ContextTokens);
        List<long> tokens = [];
        for (int turn = 0; turn < 60 * TurnsPerMinute; turn++)
        {
            dialogue.AddCaller($"c{turn}", QuestionOf(turn));
            var messages = dialogue.Render(null);
            tokens.Add(messages.Sum(message => (message.Text.Length / 4) + 4));
            dialogue.BeginAnswer($"a{turn}");
            dialogue.EndAnswer($"a{turn}", AnswerOf(turn));
        }

        AssertFlat(provider.Name, tokens);
    }

    private async Task FlatAsync(IVoiceProvider provider)
    {
        var events = new Answers();
        var connection = provider.Connect(new ProviderSetup(Guid.CreateVersion7(), "Be kind.", ConversationContext.Empty, []), events);
        await events.Connected.Task.WaitAsync(Patience, Cancel);
        var conversation = new Conversation();
        var (caller, silence) = (SessionStage.Tone(4_000), new short[8 * 900]);
        List<long> tokens = [];
        long before = 0;
        long recapped = 0;
        for (int turn = 0; turn < 60 * TurnsPerMinute; turn++)
        {
            await connection.Hear(caller);
            await connection.Hear(silence);
            long used = await events.NextAsync(turn, Patience);
            tokens.Add(used - before);
            before = used;

            // As the chain does it.
            conversation.Add(new TurnFinished($"c{turn}", LegRole.Caller, QuestionOf(0), 0, 0));
            conversation.Add(new TurnFinished($"a{turn}", LegRole.Ai, AnswerOf(0), 0, 0));
            if (conversation.Tokens - recapped >= provider.Capabilities.RecapEvery && conversation.Recap(provider.Capabilities.RecapEvery!.Value) is { } recap)
            {
                recapped = conversation.Tokens;
                connection.Remember([recap]);
            }
        }

        connection.Close();
        AssertFlat(provider.Name, tokens);
    }

    private void AssertFlat(string provider, List<long> tokens)
    {
        // The five minutes before: what is forgotten at a time is some two minutes' worth.
        double at(int minute) => tokens.Take(minute * TurnsPerMinute).TakeLast(5 * TurnsPerMinute).Average();
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {provider} | {at(5):#,0} | {at(15):#,0} | {at(30):#,0} | {at(60):#,0} | {at(60) / at(15):0.00} | {tokens.Max():#,0} |"));
        Assert.InRange(at(60) / at(15), 0, 1.2);
        Assert.InRange(tokens.Max() / at(15), 0, 1.3);
    }

    private static HeldEar Ear() => new() { HeardAtOnce = QuestionOf(0) };

    private static short[] Speech(string text, string voice) => SessionStage.Tone(MsPerWord * text.Split(' ').Length);

    private static string QuestionOf(int turn) => turn % 10 == 9 ? "My booking number is 4 2 7 1 and I have a question about it" : "I would like to know what a weekend in Vienna costs";

    private static string AnswerOf(int turn) => $"A weekend in Vienna for two people costs from three hundred euros with breakfast, as of today{(turn % 2 == 0 ? " too" : "")}.";

    /// <summary>Counts the tokens that answers are made from.</summary>
    private sealed class Answers : IProviderEvents
    {
        private readonly Channel<long> _counts = Channel.CreateBounded<long>(10);
        private bool _answered;
        private string? _end;

        public TaskCompletionSource Connected { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public async Task<long> NextAsync(int turn, TimeSpan patience)
        {
            try
            {
                return await _counts.Reader.ReadAsync(Cancel).AsTask().WaitAsync(patience, Cancel);
            }
            catch (TimeoutException)
            {
                throw new TimeoutException($"Turn {turn} was not answered. {_end}");
            }
        }

        public void Used(IReadOnlyList<ModelUsage> usage)
        {
            if (_answered)
            {
                _answered = false;
                _counts.Writer.TryWrite(usage[0].TextInTokens + usage[0].TextCachedTokens + usage[0].AudioInTokens + usage[0].AudioCachedTokens);
            }
        }

        public void AnswerDone(string turnId, string text, bool cancelled) => _answered = true;

        public void Closed(ProviderEnd end, string detail) => _end = detail;

        public void Faulted(Exception exception) => _end = exception.ToString();

        public void AnswerFailed(string code, string message) => _end = message;

        void IProviderEvents.Connected(string providerSessionId, string? model) => Connected.TrySetResult();

        public void SpeechStarted(string turnId)
        {
        }

        public void SpeechStopped(string turnId)
        {
        }

        public void CallerPartial(string turnId, string text)
        {
        }

        public void CallerFinal(string turnId, string text, double? confidence)
        {
        }

        public void AnswerAudio(string turnId, ReadOnlySpan<byte> base64Mulaw)
        {
        }

        public void AnswerText(string turnId, string delta)
        {
        }

        public void ToolCall(string callId, string name, string argumentsJson)
        {
        }

        public void ToolCancelled(string callId)
        {
        }

        public void Expiring(TimeSpan left)
        {
        }

        public void Notice(string code, string message) => _end = message;
    }
}
