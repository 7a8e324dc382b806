using System.Buffers.Text;
using System.Threading.Channels;
using Kraliki.Contracts;
using Kraliki.LocalSpeech;
using Kraliki.Voice.Audio;
using Kraliki.Voice.Providers;
using Kraliki.Voice.Providers.Local;
using Kraliki.Voice.Tests.LocalSpeech;

namespace Kraliki.Voice.Tests.Providers.Local;

public sealed class LocalProviderTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly Recorder _events = new();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Caller_asks_and_is_answered_by_voice()
    {
        var connection = await Connect();
        connection.Greet();
        var greeting = await _events.Answer();
        Assert.Equal(SmallTalk.Greeting, greeting.Text);
        Assert.InRange(greeting.Ms, 3000, 12_000);

        await Say(connection, "Good morning, when does your office open?");
        await _events.Await("started c1");
        await _events.Await("stopped c1");
        string heard = await _events.Await("final c1");
        Assert.Contains("open", heard, StringComparison.Ordinal);
        Assert.Contains(_events.Seen, seen => seen.StartsWith("partial c1", StringComparison.Ordinal));
        var answer = await _events.Answer();
        Assert.StartsWith("We are open from Monday", answer.Text, StringComparison.Ordinal);
        Assert.Equal(answer.Text, answer.Deltas);

        connection.Close();
        await _events.Await("closed Requested");
    }

    [Fact]
    public async Task Caller_interrupts_and_the_assistant_forgets_unheard_words()
    {
        var connection = await Connect();
        connection.Instruct("Say: One two three four five six seven eight nine ten eleven twelve.");
        var answer = await _events.Answer();
        connection.Truncate(answer.TurnId, answer.Ms / 2);

        await Say(connection, "Could you repeat that, please?");
        var again = await _events.Answer();
        Assert.StartsWith("One two three", again.Text, StringComparison.Ordinal);
        Assert.EndsWith("six", again.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Held_answer_follows_once_it_was_an_interruption()
    {
        var connection = await Connect();
        connection.HoldAnswers();
        await Say(connection, "Where is your office?");
        await _events.Await("final c1");
        connection.ResumeAnswers(answerNow: true);
        Assert.Contains("River Street", (await _events.Answer()).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Backchannel_is_forgotten_and_not_answered()
    {
        var connection = await Connect();
        connection.HoldAnswers();
        await Say(connection, "Okay.");
        await _events.Await("final c1");
        connection.ResumeAnswers(answerNow: false);

        // An answer to the "okay" would come before the one to the instruction.
        connection.Instruct("Say: The last word.");
        Assert.Equal("The last word.", (await _events.Answer()).Text);
    }

    [Fact]
    public async Task Cough_is_heard_as_no_words()
    {
        var connection = await Connect();
        await Hear(connection, Sounds.Cough(milliseconds: 300));
        await Hear(connection, new short[8000]);
        await _events.Await("started c1");
        Assert.Equal("final c1 ", await _events.Await("final c1"));
    }

    [Fact]
    public async Task Cancelled_answer_is_not_spoken()
    {
        var connection = await Connect();
        connection.Instruct("Say: This was a mistake.");
        connection.CancelAnswer();
        var answer = await _events.Answer();
        Assert.Equal((true, 0), (answer.Cancelled, answer.Ms));
    }

    [Fact]
    public async Task Goodbye_ends_the_call_after_the_last_answer()
    {
        var connection = await Connect();
        await Say(connection, "Thank you very much, goodbye.");
        Assert.Contains("Goodbye", (await _events.Answer()).Text, StringComparison.Ordinal);
        await _events.Await("tool end_call");
    }

    [Fact]
    public async Task Continued_call_remembers_what_was_said_before()
    {
        var connection = await Connect(
            new TurnFinished("1", LegRole.Caller, "i would like to change my booking", 0, 1000),
            new TurnFinished("2", LegRole.Ai, "Please tell me your booking number.", 1000, 3000));
        await Say(connection, "It is four seven one nine.");
        Assert.Contains("I found booking", (await _events.Answer()).Text, StringComparison.Ordinal);
    }

    private async Task<IProviderConnection> Connect(params TurnFinished[] history)
    {
        var connection = new LocalProvider(SharedEar.Recognizers).Connect(new(Guid.CreateVersion7(), "You are the demo assistant.", history), _events);
        await _events.Await("connected");
        return connection;
    }

    private static async Task Say(IProviderConnection connection, string text)
    {
        await Hear(connection, new short[1600]);
        await Hear(connection, SpeechSynthesizer.Speak(text, VoiceName.Rms));
        await Hear(connection, new short[6400]);
    }

    private static async Task Hear(IProviderConnection connection, short[] pcm)
    {
        var mulaw = new byte[G711.FrameBytes];
        var base64 = new byte[216];
        for (int start = 0; start + mulaw.Length <= pcm.Length; start += mulaw.Length)
        {
            G711.Encode(pcm.AsSpan(start, mulaw.Length), mulaw);
            Base64.EncodeToUtf8(mulaw, base64, out _, out int length);
            while (!connection.SendAudio(base64.AsSpan(0, length)))
            {
                Cancelled.ThrowIfCancellationRequested();
                await Task.Yield();
            }
        }
    }

    private sealed record SpokenAnswer(string TurnId, string Text, string Deltas, int Ms, bool Cancelled);

    /// <summary>Writes events down as lines like <c>final c1 when are you open</c>.</summary>
    private sealed class Recorder : IProviderEvents
    {
        private readonly Channel<string> _lines = Channel.CreateBounded<string>(10_000);
        private readonly Channel<SpokenAnswer> _answers = Channel.CreateBounded<SpokenAnswer>(100);
        private readonly List<string> _seen = [];
        private string _deltas = "";
        private int _audioBytes;

        public IReadOnlyList<string> Seen => _seen;

        public async Task<string> Await(string start)
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
            patience.CancelAfter(Patience);
            try
            {
                while (true)
                {
                    string line = await _lines.Reader.ReadAsync(patience.Token);
                    _seen.Add(line);
                    if (line.StartsWith(start, StringComparison.Ordinal))
                    {
                        return line;
                    }
                }
            }
            catch (OperationCanceledException)
            {
                throw new TimeoutException($"No \"{start}\" came; there were: {string.Join(" | ", _seen)}");
            }
        }

        public async Task<SpokenAnswer> Answer()
        {
            await Await("done");
            return await _answers.Reader.ReadAsync(Cancelled);
        }

        public void Connected(string providerSessionId, string? model) => Write("connected");

        public void SpeechStarted(string turnId) => Write($"started {Short(turnId)}");

        public void SpeechStopped(string turnId) => Write($"stopped {Short(turnId)}");

        public void CallerPartial(string turnId, string text) => Write($"partial {Short(turnId)} {text}");

        public void CallerFinal(string turnId, string text, double? confidence) => Write($"final {Short(turnId)} {text}");

        public void AnswerAudio(string turnId, ReadOnlySpan<byte> base64Mulaw)
        {
            Assert.True(Base64.IsValid(base64Mulaw, out int bytes), "answer audio is not base64");
            _audioBytes += bytes;
        }

        public void AnswerText(string turnId, string delta)
        {
            _deltas += delta;
            Write($"text {Short(turnId)} {delta}");
        }

        public void AnswerDone(string turnId, string text, bool cancelled)
        {
            _answers.Writer.TryWrite(new(turnId, text, _deltas, _audioBytes / G711.BytesPerMs, cancelled));
            (_deltas, _audioBytes) = ("", 0);
            Write($"done {Short(turnId)} {text}");
        }

        public void ToolCall(string callId, string name, string argumentsJson) => Write($"tool {name}");

        public void Usage(ProviderUsage usage)
        {
        }

        public void Notice(string code, string message) => Write($"notice {code} {message}");

        public void Closed(ProviderEnd end, string detail) => Write($"closed {end} {detail}");

        private static string Short(string turnId) => turnId[(turnId.LastIndexOf('-') + 1)..];

        private void Write(string line) => _lines.Writer.TryWrite(line);
    }
}
