using System.Buffers.Text;
using System.Threading.Channels;
using Kraliki.Contracts;
using Kraliki.LocalSpeech;
using Kraliki.Voice.Audio;
using Kraliki.Voice.Providers;

namespace Kraliki.Voice.Tests.Providers;

internal sealed record SpokenAnswer(string TurnId, string Text, string Deltas, int Ms, bool Cancelled);

/// <summary>Writes events down as lines like <c>final c1 when are you open</c>.</summary>
internal sealed class ProviderRecorder : IProviderEvents
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly Channel<string> _lines = Channel.CreateBounded<string>(10_000);
    private readonly Channel<SpokenAnswer> _answers = Channel.CreateBounded<SpokenAnswer>(100);
    private readonly List<string> _seen = [];
    private string _deltas = "";
    private int _audioBytes;

    public IReadOnlyList<string> Seen => _seen;

    /// <summary>Every line so far; for connections that report on the test's own thread.</summary>
    public List<string> Written { get; } = [];

    public async Task<string> Await(string start)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
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
        return await _answers.Reader.ReadAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>The next answer, for providers that write down the caller's words while they answer already.</summary>
    public async Task<SpokenAnswer> AnswerInAnyOrder()
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(Patience);
        try
        {
            return await _answers.Reader.ReadAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"No answer was finished; there were: {string.Join(" | ", Written)}");
        }
    }

    public void Faulted(Exception exception) => Write($"fault {exception.Message}");

    public void Connected(string providerSessionId, string? model) => Write("connected");

    public void SpeechStarted(string turnId) => Write($"started {Short(turnId)}");

    public void SpeechStopped(string turnId) => Write($"stopped {Short(turnId)}");

    public void CallerPartial(string turnId, string text) => Write($"partial {Short(turnId)} {text}");

    /// <summary>What the loop would do when the words are known.</summary>
    public Action? OnFinal { get; set; }

    public void CallerFinal(string turnId, string text, double? confidence)
    {
        Write($"final {Short(turnId)} {text}");
        OnFinal?.Invoke();
    }

    public void AnswerAudio(string turnId, ReadOnlySpan<byte> base64Mulaw)
    {
        Assert.True(Base64.IsValid(base64Mulaw, out int bytes), "answer audio is not base64");
        _audioBytes += bytes;
    }

    /// <summary>What happens while an answer is spoken: asked for in the event, before the answer can be over.</summary>
    public Action? OnText { get; set; }

    public void AnswerText(string turnId, string delta)
    {
        _deltas += delta;
        Write($"text {Short(turnId)} {delta}");
        OnText?.Invoke();
    }

    public void AnswerDone(string turnId, string text, bool cancelled)
    {
        _answers.Writer.TryWrite(new(turnId, text, _deltas, _audioBytes / G711.BytesPerMs, cancelled));
        (_deltas, _audioBytes) = ("", 0);
        Write($"done {Short(turnId)} {text}");
    }

    public List<(string CallId, string Arguments)> ToolCalls { get; } = [];

    public void ToolCall(string callId, string name, string argumentsJson)
    {
        ToolCalls.Add((callId, argumentsJson));
        Write($"tool {name}");
    }

    public void ToolCancelled(string callId) => Write($"tool {callId} cancelled");

    public void AnswerFailed(string code, string message) => Write($"failed {code} {message}");

    public void Expiring(TimeSpan left) => Write($"expiring {left.TotalSeconds}");

    /// <summary>As last reported.</summary>
    public IReadOnlyList<ModelUsage> Usage { get; private set; } = [];

    public void Used(IReadOnlyList<ModelUsage> usage) => Usage = usage;

    public void Notice(string code, string message) => Write($"notice {code} {message}");

    public void Closed(ProviderEnd end, string detail) => Write($"closed {end} {detail}");

    private static string Short(string turnId) => turnId[(turnId.LastIndexOf('-') + 1)..];

    private void Write(string line)
    {
        Written.Add(line);
        _lines.Writer.TryWrite(line);
    }
}

internal static class CallerAudio
{
    /// <summary>A sentence by the caller's voice between silences.</summary>
    public static async Task Say(this IProviderConnection connection, string text)
    {
        await connection.Hear(new short[1600]);
        await connection.Hear(SpeechSynthesizer.Speak(text, VoiceName.Rms));
        await connection.Hear(new short[6400]);
    }

    /// <summary>Caller audio, PCM16 at 8 kHz, in frames of 20 ms as fast as the connection takes them.</summary>
    public static async Task Hear(this IProviderConnection connection, short[] pcm)
    {
        var mulaw = new byte[G711.FrameBytes];
        var base64 = new byte[216];
        for (int start = 0; start + mulaw.Length <= pcm.Length; start += mulaw.Length)
        {
            G711.Encode(pcm.AsSpan(start, mulaw.Length), mulaw);
            Base64.EncodeToUtf8(mulaw, base64, out _, out int length);
            while (!connection.SendAudio(base64.AsSpan(0, length)))
            {
                TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
                await Task.Yield();
            }
        }
    }
}
