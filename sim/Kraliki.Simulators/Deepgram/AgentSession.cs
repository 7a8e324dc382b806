using System.Text.Json;
using System.Text.Json.Nodes;
using Kraliki.LocalSpeech;
using Kraliki.Simulators.Faults;
using Kraliki.Simulators.OpenAI;

namespace Kraliki.Simulators.Deepgram;

/// <summary>One socket of <c>/v1/agent/converse</c>: settings first, then a conversation.</summary>
/// <remarks>The gate is taken inside the ear's events and never around a call of the ear, because the ear reports under a lock of its own.</remarks>
internal sealed class AgentSession(SimulatedSocket socket, RecognizerPool recognizers, Mind mind, Voice voice, DeepgramSimulatorOptions options) : ISocketSession, IDisposable
{
    // How a client marks what is not the caller's: a model would read it from the prompt.
    private const string OperatorMark = "[Operator] ";
    private const string TaskMark = "For this answer only: ";

    // What has been said elsewhere since the settings: the service has no message for it, so clients put it into the prompt.
    private const string NewsMark = "\n\nMeanwhile: ";

    private const int SilenceMs = 500;
    private const int PieceMs = 100;

    private readonly Lock _gate = new();
    private readonly List<MindTurn> _turns = [];
    private string _prompt = "";
    private string _model = "";
    private List<MindTool> _tools = [];
    private WireAudio? _in;
    private WireAudio? _out;
    private LiveEar? _ear;
    private int _generation;
    private int _news;
    private bool _applied;
    private bool _speaking;

    public void Open(string requestId) => socket.Send(new() { ["type"] = "Welcome", ["request_id"] = requestId });

    public void OnBinary(ReadOnlySpan<byte> bytes)
    {
        socket.Frame();
        if (_ear is null)
        {
            Fail("BINARY_MESSAGE_BEFORE_SETTINGS", "The Settings message must be sent before audio.");
            return;
        }

        _ear.Hear(_in!.Decode(bytes));
    }

    public void OnText(ReadOnlySpan<byte> utf8)
    {
        JsonObject? message = null;
        try
        {
            message = JsonNode.Parse(utf8) as JsonObject;
        }
        catch (JsonException)
        {
            // Answered like any other text that is no command.
        }

        var type = SessionSettings.Text(message?["type"]);
        if (!_applied && type is not ("Settings" or "KeepAlive"))
        {
            Fail("UNPARSABLE_CLIENT_MESSAGE", "The first message must be Settings.");
            return;
        }

        switch (type)
        {
            case "Settings" when !_applied:
                Apply(message!);
                break;
            case "KeepAlive":
                break;
            case "UpdatePrompt":
                lock (_gate)
                    _prompt = SessionSettings.Text(message!["prompt"]) ?? "";
                Say("PromptUpdated");
                break;
            case "UpdateThink":
                Think(message!["think"]);
                Say("ThinkUpdated");
                break;
            case "UpdateSpeak":
                _model = SessionSettings.Text(message!["speak"]?["provider"]?["model"]) ?? _model;
                Say("SpeakUpdated");
                break;
            case "InjectUserMessage":
                Inject(SessionSettings.Text(message!["content"]) ?? "");
                break;
            case "InjectAgentMessage":
                InjectAgent(SessionSettings.Text(message!["message"]) ?? "", SessionSettings.Text(message["behavior"]) ?? "default");
                break;
            case "FunctionCallResponse":
                lock (_gate)
                    _turns.Add(new(MindRole.Tool, SessionSettings.Text(message!["content"]) ?? ""));
                Answer(null);
                break;
            default:
                Fail("UNPARSABLE_CLIENT_MESSAGE", "The message is not a known command.");
                return;
        }

        socket.Handled(type);
    }

    public void InjectError(Fault fault) => Fail(fault.Code ?? "FAILED_TO_THINK", fault.Reason ?? "The model could not be reached.", fatal: false);

    public void Expire() => socket.SendClose(1011, "NET-0003: The session reached its time limit.");

    public void Dispose() => _ear?.Dispose();

    private void Apply(JsonObject settings)
    {
        var input = settings["audio"]?["input"];
        var output = settings["audio"]?["output"];
        _in = WireAudio.In(Text(input, "encoding", "linear16"), Rate(input));
        _out = WireAudio.Out(Text(output, "encoding", "linear16"), Rate(output));
        if (_in is null || _out is null || settings["agent"] is not JsonObject agent)
        {
            Fail("INVALID_SETTINGS", "The audio formats or the agent of the settings are not supported here.");
            return;
        }

        foreach (var earlier in agent["context"]?["messages"] as JsonArray ?? [])
        {
            if (earlier?["function_calls"] is JsonArray calls)
                _turns.AddRange(calls.Select(call => new MindTurn(MindRole.Tool, SessionSettings.Text(call?["response"]) ?? "")));
            else
                _turns.Add(Turn(SessionSettings.Text(earlier?["role"]) == "assistant", SessionSettings.Text(earlier?["content"]) ?? ""));
        }

        _model = SessionSettings.Text(agent["speak"]?["provider"]?["model"]) ?? "aura-2-thalia-en";
        Think(agent["think"]);
        _applied = true;
        _ear = new LiveEar(recognizers, new VoiceActivityOptions(SilenceMs: SilenceMs), OnEar);
        Say("SettingsApplied");
        if (SessionSettings.Text(agent["greeting"]) is { Length: > 0 } greeting)
            Answer(new(greeting));
    }

    private void Think(JsonNode? think)
    {
        lock (_gate)
        {
            _prompt = SessionSettings.Text(think?["prompt"]) ?? "";
            var news = _prompt.Split(NewsMark)[1..];
            _turns.AddRange(news.Skip(_news).Select(News).OfType<MindTurn>());
            _news = news.Length;
            _tools = [.. (think?["functions"] as JsonArray ?? []).OfType<JsonObject>().Select(function => new MindTool(
                SessionSettings.Text(function["name"]) ?? "",
                [.. (function["parameters"]?["required"] as JsonArray ?? []).Select(name => SessionSettings.Text(name) ?? "")]))];
        }
    }

    private void OnEar(EarEvent happened)
    {
        switch (happened)
        {
            case EarSpeechStarted:
                lock (_gate)
                {
                    _generation++;
                    _speaking = false;
                    Say("UserStartedSpeaking");
                }

                break;
            case EarFinal { Recognition.Text: { Length: > 0 } words }:
                lock (_gate)
                {
                    Tell("user", words);
                    _turns.Add(new(MindRole.User, words));
                    Answer(null);
                }

                break;
        }
    }

    private void Inject(string content)
    {
        string? task = null;
        lock (_gate)
        {
            Tell("user", content);
            if (content.StartsWith(TaskMark, StringComparison.Ordinal))
                task = content[TaskMark.Length..];
            else
                _turns.Add(Turn(false, content));
            Answer(null, task);
        }
    }

    private void InjectAgent(string words, string behavior)
    {
        bool refused;
        lock (_gate)
            refused = behavior == "default" && (_speaking || _ear!.CallerSpeaking);
        if (refused)
            socket.Send(new() { ["type"] = "InjectionRefused", ["message"] = "Somebody is in the middle of a turn." });
        else
            Answer(new(words));
    }

    private static MindTurn Turn(bool assistant, string content) => assistant ? new(MindRole.Assistant, content)
        : content.StartsWith(OperatorMark, StringComparison.Ordinal) ? new(MindRole.System, content[OperatorMark.Length..])
        : new(MindRole.User, content);

    private static MindTurn? News(string line) => line.Split(": ", 2) switch
    {
        ["Caller", var words] => new(MindRole.User, words),
        ["You", var words] => new(MindRole.Assistant, words),
        ["Operator to you", var words] => new(MindRole.System, words),
        _ => null,
    };

    /// <summary>From now on nothing more is said of the answer before. In one hold of the gate with telling what is answered, so that nothing of it comes in between.</summary>
    private void Answer(MindReply? ready, string? task = null)
    {
        int generation;
        lock (_gate)
            generation = ++_generation;
        _ = Task.Run(async () =>
        {
            try
            {
                await AnswerAsync(generation, ready, task).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                // The client is gone.
            }
            catch (SpeechPartsMissingException missing)
            {
                Fail("FAILED_TO_SPEAK", missing.Message);
            }
        });
    }

    private async Task AnswerAsync(int generation, MindReply? ready, string? task)
    {
        await Task.Delay(options.ThinkTime, options.TimeProvider, socket.Over).ConfigureAwait(false);
        MindInput input;
        lock (_gate)
        {
            var directed = task is not null && (SmallTalk.Opening(task) is not null || SmallTalk.Continues(task));
            input = new(directed ? task! : _prompt, directed, [.. _turns], [.. _tools], null);
        }

        var reply = ready ?? mind(input);
        if (reply.Text.Length > 0 && !await SpeakAsync(reply.Text, generation).ConfigureAwait(false))
            return;
        if (reply.Call is { } call)
        {
            socket.Send(new()
            {
                ["type"] = "FunctionCallRequest",
                ["functions"] = new JsonArray(new JsonObject { ["id"] = Ids.New("fc"), ["name"] = call.Name, ["arguments"] = call.Arguments, ["client_side"] = true }),
            });
        }
    }

    /// <returns>False when the caller has interrupted.</returns>
    private async Task<bool> SpeakAsync(string text, int generation)
    {
        lock (_gate)
        {
            if (generation != _generation)
                return false;
            _speaking = true;
            _turns.Add(new(MindRole.Assistant, text));
            Tell("assistant", text);
            socket.Send(new() { ["type"] = "AgentStartedSpeaking", ["total_latency"] = 0.3, ["tts_latency"] = 0.1, ["ttt_latency"] = 0.2 });
        }

        foreach (var phrase in PhraseSplitter.Split(text))
        {
            var pcm = voice(phrase, _model);
            for (var start = 0; start < pcm.Length; start += PieceMs * 8)
            {
                lock (_gate)
                {
                    if (generation != _generation)
                        return false;
                    socket.SendAudio(socket.Degraded.Apply(_out!.Encode(pcm.AsSpan(start, Math.Min(PieceMs * 8, pcm.Length - start))), _out.Silence));
                }

                await Task.Delay(TimeSpan.FromMilliseconds(PieceMs / options.OutputSpeed), options.TimeProvider, socket.Over).ConfigureAwait(false);
            }
        }

        lock (_gate)
        {
            if (generation != _generation)
                return false;
            _speaking = false;
            Say("AgentAudioDone");
        }

        return true;
    }

    private void Say(string type) => socket.Send(new() { ["type"] = type });

    private void Tell(string role, string content) => socket.Send(new() { ["type"] = "ConversationText", ["role"] = role, ["content"] = content });

    private void Fail(string code, string description, bool fatal = true)
    {
        socket.Send(new() { ["type"] = "Error", ["description"] = description, ["code"] = code });
        if (fatal)
            socket.SendClose(1008, code);
    }

    private static string Text(JsonNode? node, string name, string otherwise) => SessionSettings.Text(node?[name]) ?? otherwise;

    private static string Rate(JsonNode? node) => $"{SessionSettings.Number(node?["sample_rate"]) ?? 24_000}";
}
