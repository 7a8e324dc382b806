using System.Buffers.Binary;
using System.Text.Json.Nodes;
using Kraliki.LocalSpeech;
using Kraliki.Simulators.OpenAI;

namespace Kraliki.Simulators.Gemini;

/// <summary>The life of one turn of the model: thought, spoken, complete, or interrupted. Belongs to its session's gate.</summary>
/// <remarks>
/// 1. The mind decides: words, a function call, or both, in this order.
/// 2. Words go ahead of their audio, which is sent faster than it plays.
/// 3. A blocking function holds the turn; its result goes on from 1.
/// 4. <c>generationComplete</c>, then <c>turnComplete</c>; an interrupted turn has only the second, after <c>interrupted</c>.
/// </remarks>
internal sealed class LiveAnswer(LiveSession session)
{
    // 200 ms of PCM16 at 24 kHz.
    private const int ChunkBytes = 9_600;
    private const string CallPrefix = "function-call-";

    private readonly Resampler _up = new(8_000, 24_000);
    private readonly List<(string Words, double StartMs)> _spoken = [];
    private Queue<string> _phrases = [];
    private Queue<byte[]> _chunks = [];
    private MindCall? _call;
    private string? _pendingCall;
    private MemoryLine? _line;
    private (int Text, int Audio) _context;
    private Agenda.Entry? _next;
    private TimeSpan? _firstAudioAt;
    private double _audioMs;
    private int _words;
    private bool _over;

    /// <summary>Complete but for its playback.</summary>
    public bool Playing { get; private set; }

    public static bool WasAskedFor(string id) => id.StartsWith(CallPrefix, StringComparison.Ordinal);

    public void Begin() => After(session.Options.ThinkTime, Think);

    /// <returns>False when this turn does not wait for it.</returns>
    public bool TakeResult(string id, string result)
    {
        if (id != _pendingCall)
            return false;
        _pendingCall = null;
        _line = null;
        session.Memory.Add(new(MindRole.Tool, result));
        Begin();
        return true;
    }

    public void Interrupt()
    {
        if (_over)
            return;
        if (_line is not null && _firstAudioAt is { } since)
        {
            // What it thinks was played: from the moment when it was sent, in real time.
            var played = (session.Agenda.Now - since).TotalMilliseconds;
            _line.Text = string.Concat(_spoken.Where(phrase => phrase.StartMs < played).Select(phrase => phrase.Words));
            _line.AudioMs = Math.Min(_line.AudioMs, played);
        }

        session.EmitContent("interrupted", true);
        if (_pendingCall is { } call)
            session.Emit("toolCallCancellation", new JsonObject { ["ids"] = new JsonArray(call) });
        EndTurn();
    }

    public void EndTurn()
    {
        if (_over)
            return;
        _over = true;
        _next?.Cancel();
        session.EmitContent("turnComplete", true, Usage());
        session.AnswerEnded();
    }

    // Step 1.
    private void Think()
    {
        _context = session.Context();
        var input = LiveMemory.Understand(session.Instructions, session.Memory, [.. session.Tools.Select(declared => declared.Tool)]);
        session.Offload(() => session.Mind(input), Answer);
    }

    private void Answer(MindReply reply)
    {
        if (_over)
            return;
        _call = reply.Call;
        _phrases = new(PhraseSplitter.Split(reply.Text));
        if (_phrases.Count > 0)
        {
            _line = new(MindRole.Assistant, "");
            session.Memory.Add(_line);
        }

        SayNextPhrase();
    }

    // Step 2.
    private void SayNextPhrase()
    {
        if (_phrases.TryDequeue(out var phrase))
            session.Offload(() => session.Voice(phrase, session.Setup!.Voice), pcm => Speak(phrase, pcm));
        else
            CallOrComplete();
    }

    private void Speak(string phrase, short[] pcm)
    {
        if (_over)
            return;
        var words = _line!.Text.Length == 0 ? phrase : $" {phrase}";
        _spoken.Add((words, _audioMs));
        _line.Text += words;
        _words += words.Length;
        if (session.Setup!.TranscribesOutput)
        {
            foreach (var piece in Tokens.Pieces(words))
                session.EmitContent("outputTranscription", new JsonObject { ["text"] = piece });
        }

        var wide = _up.Process(pcm);
        var bytes = new byte[wide.Length * 2];
        for (var i = 0; i < wide.Length; i++)
            BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(2 * i), wide[i]);
        _chunks = new(bytes.Chunk(ChunkBytes));
        SendAudio();
    }

    private void SendAudio()
    {
        if (!_chunks.TryDequeue(out var chunk))
        {
            SayNextPhrase();
            return;
        }

        session.EmitContent("modelTurn", new JsonObject
        {
            ["role"] = "model",
            ["parts"] = new JsonArray(new JsonObject
            {
                ["inlineData"] = new JsonObject { ["mimeType"] = "audio/pcm;rate=24000", ["data"] = Convert.ToBase64String(session.Spoilt(chunk)) },
            }),
        });
        _firstAudioAt ??= session.Agenda.Now;
        var ms = chunk.Length / 48.0;
        _audioMs += ms;
        _line!.AudioMs = _audioMs;
        After(TimeSpan.FromMilliseconds(ms / session.Options.OutputSpeed), SendAudio);
    }

    // Step 3.
    private void CallOrComplete()
    {
        if (_call is { } call)
        {
            _call = null;
            var id = CallPrefix + Ids.New("fc");
            session.Emit("toolCall", new JsonObject
            {
                ["functionCalls"] = new JsonArray(new JsonObject { ["id"] = id, ["name"] = call.Name, ["args"] = JsonNode.Parse(call.Arguments) }),
            });
            var behavior = session.Tools.FirstOrDefault(declared => declared.Tool.Name == call.Name)?.Behavior;
            if (behavior is null ? !session.Setup!.Model.Contains("3.8", StringComparison.Ordinal) : behavior == "BLOCKING")
            {
                _pendingCall = id;
                return;
            }
        }

        Complete();
    }

    // Step 4.
    private void Complete()
    {
        session.EmitContent("generationComplete", true);
        var left = _firstAudioAt is { } since ? TimeSpan.FromMilliseconds(_audioMs) - (session.Agenda.Now - since) : TimeSpan.Zero;
        Playing = session.Options.AwaitsPlayback && left > TimeSpan.Zero;
        if (Playing)
            After(left, EndTurn);
        else
            EndTurn();
    }

    private JsonObject Usage()
    {
        var (text, heard) = _context;
        var prompt = text + heard;
        var response = (int)(_audioMs / 40) + ((_words + 3) / 4);
        return new()
        {
            ["promptTokenCount"] = prompt,
            ["responseTokenCount"] = response,
            ["totalTokenCount"] = prompt + response,
            ["promptTokensDetails"] = new JsonArray(
                new JsonObject { ["modality"] = "AUDIO", ["tokenCount"] = heard }, new JsonObject { ["modality"] = "TEXT", ["tokenCount"] = prompt - heard }),
            ["responseTokensDetails"] = new JsonArray(new JsonObject { ["modality"] = "AUDIO", ["tokenCount"] = response }),
        };
    }

    private void After(TimeSpan delay, Action step)
    {
        if (!_over)
            _next = session.Agenda.After(delay, step);
    }
}
