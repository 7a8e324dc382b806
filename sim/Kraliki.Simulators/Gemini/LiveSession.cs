using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Kraliki.Simulators.Faults;
using Kraliki.Simulators.OpenAI;

namespace Kraliki.Simulators.Gemini;

/// <summary>One connection of the Live API, without a socket: client messages go in, server messages come out in the order of the real service.</summary>
/// <remarks>
/// 1. The first message must be <c>setup</c>; what does not fit closes the connection, as everything does that goes wrong.
/// 2. Sound becomes utterances, which are written down; an activity, found by the service or named by the client, is a turn.
/// 3. A turn that is over is answered as soon as it is understood; content of the client is answered when it completes its turn.
/// All of it runs under one gate, on whatever thread brought the cause.
/// </remarks>
internal sealed class LiveSession : ISocketSession, IDisposable
{
    // A close frame holds 125 bytes, two of them the code.
    private const int LongestReason = 123;

    private readonly Lock _gate = new();
    private readonly SimulatedSocket _socket;
    private readonly ResumableSessions _resumable;
    private readonly IEar _ear;
    private readonly List<Utterance> _turn = [];
    private LiveInput? _input;
    private LiveAnswer? _answer;
    private bool _activity;
    private bool _answerWhenFree;
    private bool _turnToAnswer;
    private bool _closed;
    private double _rememberedMs;

    public LiveSession(string id, GeminiSimulatorOptions options, Mind mind, Voice voice, IEar ear, SimulatedSocket socket, ResumableSessions resumable)
    {
        (Id, Options, Mind, Voice, _ear, _socket, _resumable) = (id, options, mind, voice, ear, socket, resumable);
        Agenda = new Agenda(options.TimeProvider, _gate);
    }

    public string Id { get; }

    public GeminiSimulatorOptions Options { get; }

    public Mind Mind { get; }

    public Voice Voice { get; }

    public Agenda Agenda { get; }

    public LiveSetup? Setup { get; private set; }

    public string Instructions { get; private set; } = "";

    public IReadOnlyList<DeclaredTool> Tools { get; private set; } = [];

    public List<MemoryLine> Memory { get; } = [];

    /// <summary>Tokens of everything that an answer is made from.</summary>
    public (int Text, int Audio) Context()
    {
        if (Setup?.Window is { } window && Memory.Sum(line => line.Weight) > window.Trigger)
        {
            while (Memory.Count > 1 && Memory.Sum(line => line.Weight) > window.Target)
                Memory.RemoveAt(0);
        }

        var audio = Memory.Sum(line => line.AudioTokens);
        return (Memory.Sum(line => line.Weight) - audio + Tokens.OfText(Instructions), audio);
    }

    /// <param name="refusal">Why nobody is served here; the connection closes with it.</param>
    public void Open((int Code, string Reason)? refusal)
    {
        lock (_gate)
        {
            if (refusal is { } no)
                Close(no.Code, no.Reason);
            else
                Agenda.After(Options.ConnectionLifetime - Options.GoAwayBefore, GoAway);
        }
    }

    public void OnText(ReadOnlySpan<byte> utf8)
    {
        lock (_gate)
        {
            if (_closed)
                return;
            try
            {
                var problem = JsonNode.Parse(utf8) is JsonObject message ? Handle(message) : "Invalid JSON payload received.";
                if (problem is not null)
                    Close(1007, problem);
            }
            catch (Exception invalid) when (invalid is JsonException or InvalidOperationException or FormatException)
            {
                Close(1007, "Invalid JSON payload received. " + invalid.Message);
            }
        }
    }

    public void OnBinary(ReadOnlySpan<byte> bytes) => OnText(bytes);

    /// <summary>There is no error message on this socket.</summary>
    public void InjectError(Fault fault)
    {
        lock (_gate)
            Close(int.TryParse(fault.Code, out var code) ? code : 1011, fault.Reason ?? "Internal error encountered.");
    }

    public void Expire()
    {
        lock (_gate)
            GoAway();
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _closed = true;
            Agenda.Dispose();
        }

        // Outside the gate: the ear may be reporting at this moment, and waits for the gate to do so.
        _ear.Dispose();
    }

    public void Emit(string name, JsonNode value, JsonObject? usage = null)
    {
        if (_closed)
            return;
        var message = new JsonObject { [name] = value };
        if (usage is not null)
            message["usageMetadata"] = usage;
        var fault = name == "serverContent" ? ((JsonObject)value).First().Key : name;
        _socket.Send(message, fault, binary: !Options.TextFrames);
    }

    public void EmitContent(string member, JsonNode value, JsonObject? usage = null) =>
        Emit("serverContent", new JsonObject { [member] = value }, usage);

    /// <summary>What faults make of a piece of PCM16.</summary>
    public byte[] Spoilt(byte[] pcm) => _socket.Degraded.Apply(pcm, silence: 0);

    /// <summary>Does slow work outside the gate and continues inside it, unless the session has closed.</summary>
    public void Offload<T>(Func<T> work, Action<T> then) => ThreadPool.UnsafeQueueUserWorkItem(
        _ =>
        {
            T? outcome = default;
            string? failure = null;
            try
            {
                outcome = work();
            }
            catch (Exception broken)
            {
                // The edge to mind and voice: like the real service, a fault of theirs ends the connection, not the process.
                failure = broken.Message;
            }

            lock (_gate)
            {
                if (_closed)
                    return;
                if (failure is null)
                    then(outcome!);
                else
                    Close(1011, failure);
            }
        },
        null);

    /// <summary>An answer and its turn are over.</summary>
    public void AnswerEnded()
    {
        _answer = null;
        if (Setup!.Resumable)
            EmitHandle();
        if (_answerWhenFree)
            Answer();
    }

    private string? Handle(JsonObject message)
    {
        if (message.Count != 1)
            return "Invalid JSON payload received. Exactly one message type is expected.";
        var (name, value) = (message.First().Key, message.First().Value as JsonObject);
        if (name is not ("setup" or "clientContent" or "realtimeInput" or "toolResponse" or "contextUpdate"))
            return $"Invalid JSON payload received. Unknown name \"{name}\": Cannot find field.";
        if (value is null)
            return $"Invalid JSON payload received. Invalid value at '{name}'.";
        if ((name == "setup") != (Setup is null))
            return name == "setup" ? "setup must only be sent once." : "setup must be the first message and only the first.";
        var problem = name switch
        {
            "setup" => Begin(value),
            "clientContent" => TakeContent(value),
            "realtimeInput" => TakeInput(value),
            "toolResponse" => TakeToolResponse(value),
            _ => TakeContextUpdate(value),
        };
        _socket.Handled(name);
        return problem;
    }

    private string? Begin(JsonObject wire)
    {
        var (setup, problem) = LiveSetup.Read(wire);
        if (setup is null)
            return problem;
        if (!setup.Model.StartsWith("models/", StringComparison.Ordinal) || !Options.Models.Contains(setup.Model["models/".Length..]))
        {
            Close(1008, $"{setup.Model} is not found for API version v1beta, or is not supported for bidiGenerateContent.");
            return null;
        }

        if (setup.Handle is { } handle)
        {
            if (_resumable.Find(handle) is not { } memory)
                return "Invalid session resumption handle.";
            Memory.AddRange(memory.Select(line => line.Copy()));
        }

        (Setup, Instructions, Tools) = (setup, setup.Instructions, setup.Tools);
        _input = new LiveInput(_ear, setup, UtteranceStarted, UtteranceStopped);
        Emit("setupComplete", new JsonObject());
        if (setup.Resumable)
            EmitHandle();
        return null;
    }

    private string? TakeContent(JsonObject content)
    {
        if (WireFields.Unknown(content, WireFields.ClientContent, "client_content") is { } unknown)
            return unknown;
        var turns = (content["turns"] as JsonArray ?? []).ToArray();
        if (turns.Any(turn => WireFields.Text(turn?["role"]) is not (null or "user" or "model")))
            return "Please use a valid role: user, model.";
        Interrupt();
        foreach (var turn in turns)
            Memory.Add(new(WireFields.Text(turn?["role"]) == "model" ? MindRole.Assistant : MindRole.User, WireFields.PartsText(turn)));
        if (WireFields.Flag(content["turnComplete"]))
            Answer();
        return null;
    }

    private string? TakeInput(JsonObject input)
    {
        if (WireFields.Unknown(input, WireFields.RealtimeInput, "realtime_input") is { } unknown)
            return unknown;
        if (input["mediaChunks"] is not null)
            return "realtime_input.media_chunks is deprecated. Use audio, video, or text instead.";
        if ((input["activityStart"] ?? input["activityEnd"]) is not null && Setup!.Automatic)
            return "Explicit activity control is not supported when automatic activity detection is enabled.";
        if (WireFields.Flag(input["audioStreamEnd"]) && !Setup!.Automatic)
            return "audio_stream_end is only supported when automatic activity detection is enabled.";
        if (input["activityStart"] is not null)
            ActivityStarted();
        if (input["audio"] is { } audio)
        {
            var type = WireFields.Text(audio["mimeType"]) ?? "";
            if (!type.StartsWith("audio/pcm;rate=", StringComparison.Ordinal) || !int.TryParse(type["audio/pcm;rate=".Length..], out var rate) || rate is < 8_000 or > 48_000)
                return $"Unsupported audio format '{type}'.";
            _socket.Frame();
            if (Setup!.Automatic || _activity)
                _input!.Hear(Convert.FromBase64String(WireFields.Text(audio["data"]) ?? ""), rate);
        }

        if (WireFields.Text(input["text"]) is { } typed)
        {
            Interrupt();
            Memory.Add(new(MindRole.User, typed));
            Answer();
        }

        if (input["activityEnd"] is not null && _activity || WireFields.Flag(input["audioStreamEnd"]))
        {
            _input!.End();
            ActivityEnded();
        }

        return null;
    }

    private string? TakeToolResponse(JsonObject response)
    {
        if (WireFields.Unknown(response, WireFields.ToolResponse, "tool_response") is { } unknown)
            return unknown;
        foreach (var function in response["functionResponses"] as JsonArray ?? [])
        {
            if (function?["response"] is not JsonObject result)
                return "Invalid value at 'tool_response.function_responses.response'.";
            if (WireFields.Text(function["id"]) is not { } id)
                return "Function response id is required.";

            // By convention the result is in "output", or the whole object is it.
            var text = result["output"] is { } output ? WireFields.Text(output) ?? output.ToJsonString() : result.ToJsonString();
            if (_answer is { } waiting && waiting.TakeResult(id, text))
                continue;
            if (_answer is null && LiveAnswer.WasAskedFor(id))
            {
                Memory.Add(new(MindRole.Tool, text));
                Answer();
            }
        }

        return null;
    }

    private string? TakeContextUpdate(JsonObject update)
    {
        if (!Setup!.Model.Contains("3.8", StringComparison.Ordinal))
            return "Invalid JSON payload received. Unknown name \"contextUpdate\": Cannot find field.";
        if (WireFields.Unknown(update, WireFields.ContextUpdate, "context_update") is { } unknown)
            return unknown;
        if (update["systemInstruction"] is { } instruction)
            Instructions = WireFields.PartsText(instruction);
        if (update["tools"] is { } tools)
        {
            var (declared, problem) = LiveSetup.ReadTools(tools["tools"]);
            if (problem is not null)
                return problem;
            Tools = declared;
        }

        return null;
    }

    private void UtteranceStarted()
    {
        if (Setup!.Automatic)
            ActivityStarted();
        _turn.Add(new Utterance());
    }

    private Action<string?> UtteranceStopped()
    {
        var utterance = _turn[^1];
        if (Setup!.Automatic)
        {
            // The ear is told the end in the call that asked for this: the turn ends after it.
            Agenda.After(TimeSpan.Zero, ActivityEnded);
        }

        return words => Heard(utterance, words);
    }

    private void ActivityStarted()
    {
        _activity = true;
        _turnToAnswer = false;
        if (Setup!.Interrupts)
            Interrupt();
    }

    private void ActivityEnded()
    {
        if (!_activity)
            return;
        _activity = false;
        _turnToAnswer = true;
        AnswerTurn();
    }

    /// <summary>The ear understood an utterance, or failed to. Any thread.</summary>
    private void Heard(Utterance utterance, string? words)
    {
        lock (_gate)
        {
            if (_closed)
                return;
            utterance.Words = words ?? "";
            if (words is null)
                Close(1011, _ear.Impediment ?? "Internal error encountered.");
            if (Setup!.TranscribesInput)
                Transcribe();
            AnswerTurn();
        }
    }

    /// <summary>In the order of speech: a short utterance is understood sooner than a long one before it.</summary>
    private void Transcribe()
    {
        foreach (var utterance in _turn.TakeWhile(utterance => utterance.Words is not null).Where(utterance => !utterance.Transcribed))
        {
            utterance.Transcribed = true;
            foreach (var piece in utterance.Words!.Length > 0 ? Tokens.Pieces(" " + utterance.Words) : [])
                EmitContent("inputTranscription", new JsonObject { ["text"] = piece });
        }
    }

    /// <summary>Once a turn is over and understood.</summary>
    private void AnswerTurn()
    {
        if (!_turnToAnswer || _turn.Exists(utterance => utterance.Words is null))
            return;
        _turnToAnswer = false;
        var words = string.Join(' ', _turn.Select(utterance => utterance.Words).Where(said => said!.Length > 0));
        _turn.Clear();
        if (words.Length > 0)
        {
            Memory.Add(new(MindRole.User, words) { AudioMs = _input!.HeardMs - _rememberedMs });
            _rememberedMs = _input.HeardMs;
            Answer();
        }
        else if (_answer is null)
        {
            // A cough: the model has nothing to say to it.
            EmitContent("turnComplete", true);
        }
    }

    private void Answer()
    {
        if (_answer is { Playing: true } played)
            played.EndTurn();
        _answerWhenFree = _answer is not null;
        if (_answerWhenFree)
            return;
        _answer = new LiveAnswer(this);
        _answer.Begin();
    }

    private void Interrupt()
    {
        _answerWhenFree = false;
        _answer?.Interrupt();
    }

    private void EmitHandle() => Emit("sessionResumptionUpdate", new JsonObject
    {
        ["newHandle"] = _resumable.Keep([.. Memory.Select(line => line.Copy())]),
        ["resumable"] = true,
    });

    private void GoAway()
    {
        Emit("goAway", new JsonObject { ["timeLeft"] = FormattableString.Invariant($"{Options.GoAwayBefore.TotalSeconds:0.###}s") });
        Agenda.After(Options.GoAwayBefore, () => Close(1011, "Deadline expired before operation could complete."));
    }

    private void Close(int code, string reason)
    {
        if (_closed)
            return;
        _closed = true;
        Agenda.Dispose();
        while (Encoding.UTF8.GetByteCount(reason) > LongestReason)
            reason = reason[..^1];
        _socket.SendClose(code, reason);
    }

    private sealed class Utterance
    {
        /// <summary>Null until it is understood.</summary>
        public string? Words { get; set; }

        public bool Transcribed { get; set; }
    }
}
