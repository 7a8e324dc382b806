using System.Text;
using System.Text.Json.Nodes;
using Kraliki.Simulators.OpenAI;
using Microsoft.Extensions.Time.Testing;

namespace Kraliki.Voice.Tests.Simulators.OpenAI;

/// <summary>A session on a virtual clock with a mind, a voice and an ear that a test holds in its hand. A word takes 500 ms to say.</summary>
internal sealed class SessionStage : IDisposable
{
    public const int MsPerWord = 500;

    public SessionStage(string? model = "gpt-realtime", OpenAiSimulatorOptions? options = null)
    {
        options = (options ?? new()) with { TimeProvider = Clock, Worker = work => work() };
        Session = new RealtimeSession(
            options,
            input =>
            {
                Asked.Add(input);
                return Mind(input);
            },
            (text, _) => Tone(MsPerWord * text.Split(' ').Length),
            Ear,
            model,
            Events.Add,
            (code, reason) => Closed = (code, reason));
        Session.Open();
    }

    public FakeTimeProvider Clock { get; } = new();

    public RealtimeSession Session { get; }

    public HeldEar Ear { get; } = new();

    public Mind Mind { get; set; } = _ => new("One two three four.");

    public List<MindInput> Asked { get; } = [];

    public List<JsonObject> Events { get; } = [];

    public (int Code, string Reason)? Closed { get; private set; }

    public IEnumerable<string> Types => Events.Select(e => (string)e["type"]!);

    /// <summary>PCMU both ways and no noise of transcripts, then a clean list of events.</summary>
    public SessionStage WithTelephoneAudio(string more = "")
    {
        Send($$"""
            {"type":"session.update","session":{"type":"realtime","audio":{
             "input":{"format":{"type":"audio/pcmu"} {{more}} },"output":{"format":{"type":"audio/pcmu"} } } } }
            """);
        Assert.Equal("session.updated", Types.Last());
        Events.Clear();
        return this;
    }

    public void Send(string json) => Session.Receive(Encoding.UTF8.GetBytes(json));

    public void Say(int ms) => Append(Tone(ms));

    public void BeSilent(int ms) => Append(new short[8 * ms]);

    /// <summary>A turn of a caller, heard at once as <paramref name="words"/>.</summary>
    public void SayTurn(string words)
    {
        Ear.HeardAtOnce = words;
        Say(600);
        BeSilent(400);
    }

    public void Wait(double seconds) => Clock.Advance(TimeSpan.FromSeconds(seconds));

    public JsonObject Last(string type) =>
        Events.LastOrDefault(e => (string)e["type"]! == type) ?? throw new InvalidOperationException($"No {type} among: {string.Join(", ", Types)}");

    public JsonNode LastError => Last("error")["error"]!;

    public void Dispose() => Session.Dispose();

    public static short[] Tone(int ms) =>
        [.. Enumerable.Range(0, 8 * ms).Select(i => (short)(9_000 * Math.Sin(2 * Math.PI * 440 * i / 8_000)))];

    private void Append(short[] pcm)
    {
        // As a telephone line does: 20 ms in a message.
        foreach (var frame in AudioFormat.Mulaw.Encode(pcm, AudioFormat.Up()).Chunk(160))
            Send($$"""{"type":"input_audio_buffer.append","audio":"{{Convert.ToBase64String(frame)}}"}""");
    }
}

/// <summary>An ear that understands what the test says it does, when the test says so.</summary>
internal sealed class HeldEar : IEar
{
    private readonly Queue<Action<string?>> _waiting = [];

    public string? HeardAtOnce { get; set; }

    public int FedSamples { get; private set; }

    public string? Impediment { get; set; }

    public void Begin() => FedSamples = 0;

    public void Feed(ReadOnlySpan<short> pcm8k) => FedSamples += pcm8k.Length;

    public void End(Action<string?> heard)
    {
        if (HeardAtOnce is { } words)
            heard(words);
        else
            _waiting.Enqueue(heard);
    }

    public void Understand(string? words) => _waiting.Dequeue()(words);

    public void Abandon() => FedSamples = 0;

    public void Dispose()
    {
    }
}
