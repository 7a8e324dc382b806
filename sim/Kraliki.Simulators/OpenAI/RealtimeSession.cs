using System.Text.Json;
using System.Text.Json.Nodes;
using Kraliki.Simulators.Faults;

namespace Kraliki.Simulators.OpenAI;

/// <summary>
/// One session of the Realtime API, without a socket: client events go in, server events come out, in the order of the real
/// service. The audio in decides what is heard; nothing here knows any script.
/// </summary>
/// <remarks>
/// 1. The connection pushes each text frame into <see cref="Receive"/>.
/// 2. Audio passes the turn detector; a finished turn becomes a user item, and the ear goes on to understand it.
/// 3. A response starts at once but speaks only when all that was said before it is understood.
/// 4. Everything that takes time (pacing, expiry, idle callers) is an entry of the <see cref="Agenda"/>.
/// All of it runs under one gate, on whatever thread brought the cause; <c>emit</c> and <c>close</c> are called inside it.
/// </remarks>
internal sealed partial class RealtimeSession : IDisposable
{
    private const int LargestAppendBytes = 15 * 1024 * 1024;

    // A commit with less is refused ("buffer too small").
    private const int SmallestCommitMs = 100;

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    private readonly Lock _gate = new();
    private readonly Action<JsonObject> _emit;
    private readonly Action<int, string> _close;
    private readonly Action<string>? _handled;
    private readonly IEar _ear;
    private readonly InputAudio _input;
    private readonly List<ResponseRun> _outOfBand = [];
    private readonly List<Action> _waitingForTheEar = [];
    private ResponseRun? _active;
    private bool _answerWhenFree;
    private string? _turnId;
    private Agenda.Entry? _idle;
    private bool _audioProduced;
    private bool _closed;

    /// <param name="model">Null for a transcription session.</param>
    /// <param name="handled">Told the type of each client event after it was handled.</param>
    public RealtimeSession(
        OpenAiSimulatorOptions options,
        Mind mind,
        Voice voice,
        IEar ear,
        string? model,
        Action<JsonObject> emit,
        Action<int, string> close,
        Action<string>? handled = null)
    {
        (Options, Mind, Voice, _ear, _emit, _close, _handled) = (options, mind, voice, ear, emit, close, handled);
        Agenda = new Agenda(options.TimeProvider, _gate);
        Settings = SessionSettings.Default(
            Id, model, transcription: model is null, options.TimeProvider.GetUtcNow() + options.SessionLifetime);
        _input = new InputAudio(ear, SpeechStarted, SpeechStopped);
        _input.Configure(Settings.InputFormat, Settings.Turns);
    }

    public string Id { get; } = Ids.New("sess");

    public OpenAiSimulatorOptions Options { get; }

    public Mind Mind { get; }

    public Voice Voice { get; }

    public Agenda Agenda { get; }

    /// <summary>What faults make of the audio that is sent here.</summary>
    public DegradedAudio Degraded { get; } = new();

    public SessionSettings Settings { get; }

    public Conversation Conversation { get; } = new();

    /// <summary>Input tokens of the last response: the next one finds them in the cache.</summary>
    public int CachedTokens { get; set; }

    /// <param name="configured">Session settings that came with an ephemeral key; null without.</param>
    public void Open(JsonObject? configured = null)
    {
        lock (_gate)
        {
            if (configured is not null && Settings.Update(configured, audioProduced: false) is null)
                _input.Configure(Settings.InputFormat, Settings.Turns);
            Emit("session.created", new() { ["session"] = Settings.Wire.DeepClone() });
            Agenda.After(Options.SessionLifetime, Expire);
        }
    }

    /// <summary>One text frame. Whatever it holds, the session answers with events and never throws.</summary>
    public void Receive(ReadOnlySpan<byte> utf8)
    {
        lock (_gate)
        {
            if (_closed)
                return;
            string? eventId = null;
            try
            {
                if (JsonNode.Parse(utf8, documentOptions: Strict) is not JsonObject message)
                {
                    Fail(new("invalid_json", "Expected a JSON object."), null);
                    return;
                }

                eventId = SessionSettings.Text(message["event_id"]);
                if (Handle(message) is { } error)
                    Fail(error, eventId);
                if (SessionSettings.Text(message["type"]) is { } type)
                    _handled?.Invoke(type);
            }
            catch (JsonException)
            {
                Fail(new("invalid_json", "We could not parse the JSON body of your request."), null);
            }
            catch (InvalidOperationException notText)
            {
                // JsonNode decodes strings late: half of a surrogate pair shows up only when the text is read.
                Fail(new("invalid_json", notText.Message), eventId);
            }
        }
    }

    /// <summary>A binary frame: refused, and the session goes on.</summary>
    public void ReceiveBinary() => InjectError(new("invalid_event", "Binary messages are not supported; send JSON text."));

    /// <summary>Lets the service complain out of the blue.</summary>
    public void InjectError(RealtimeError error)
    {
        lock (_gate)
            Fail(error, null);
    }

    /// <summary>Ends the session as at the end of its maximum duration.</summary>
    public void Expire()
    {
        lock (_gate)
        {
            var reason = $"Your session hit the maximum duration of {Options.SessionLifetime.TotalMinutes:0} minutes.";
            Emit("error", new() { ["error"] = new RealtimeError("session_expired", reason).ToJson(null) });
            Close(1001, reason);
        }
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

    /// <summary>Sends a server event. Call inside the gate.</summary>
    public void Emit(string type, JsonObject fields)
    {
        if (_closed)
            return;
        fields.Insert(0, "type", type);
        fields.Insert(1, "event_id", Ids.New("event"));
        _emit(fields);
    }

    /// <summary>Does slow work outside the gate and continues inside it, unless the session has closed.</summary>
    public void Offload<T>(Func<T> work, Action<T> then, Action<string> failed)
    {
        (Options.Worker ?? (job => ThreadPool.UnsafeQueueUserWorkItem(_ => job(), null)))(() =>
        {
            Action continuation;
            try
            {
                var outcome = work();
                continuation = () => then(outcome);
            }
            catch (Exception broken)
            {
                // The edge to mind and voice: like the real service, a fault of theirs fails the response, not the process.
                continuation = () => failed(broken.Message);
            }

            lock (_gate)
            {
                if (!_closed)
                    continuation();
            }
        });
    }

    /// <summary>Continues when everything in the conversation is understood; at once when it is.</summary>
    public void WhenHeard(Action then)
    {
        if (Conversation.Items.Any(item => item.IsBeingHeard))
            _waitingForTheEar.Add(then);
        else
            then();
    }

    public void AudioWasProduced() => _audioProduced = true;

    /// <summary>A response is over.</summary>
    /// <param name="playsFor">How long a client in step with the stream goes on playing it.</param>
    public void ResponseEnded(ResponseRun run, TimeSpan playsFor)
    {
        _outOfBand.Remove(run);
        if (run != _active)
            return;
        _active = null;
        if (_answerWhenFree)
            StartResponse(null);
        else if (Settings.Turns?.IdleTimeoutMs is { } idleMs)
            _idle = Agenda.After(playsFor + TimeSpan.FromMilliseconds(idleMs), () => CallerIsIdle(idleMs));
    }

    private RealtimeError? Handle(JsonObject message)
    {
        var type = SessionSettings.Text(message["type"]);
        switch (type)
        {
            case null:
                return new("invalid_event", "The 'type' field is missing.", "type");
            case "session.update":
                return UpdateSession(message);
            case "input_audio_buffer.append":
                return AppendAudio(message);
            case "input_audio_buffer.commit":
                return CommitByClient();
            case "input_audio_buffer.clear":
                _input.Clear();
                Emit("input_audio_buffer.cleared", []);
                return null;
            case "conversation.item.create":
                return CreateItem(message);
            case "conversation.item.retrieve":
                return RetrieveItem(message);
            case "conversation.item.truncate":
                return TruncateItem(message);
            case "conversation.item.delete":
                return DeleteItem(message);
            case "response.create":
                return CreateResponse(message);
            case "response.cancel":
                return CancelResponse(message);
            default:
                return RealtimeError.InvalidValue(
                    $"Invalid value: '{type}'. Supported values are: 'session.update', 'input_audio_buffer.append', " +
                    "'input_audio_buffer.commit', 'input_audio_buffer.clear', 'conversation.item.create', " +
                    "'conversation.item.truncate', 'conversation.item.delete', 'conversation.item.retrieve', " +
                    "'response.create', and 'response.cancel'.",
                    "type");
        }
    }

    private RealtimeError? UpdateSession(JsonObject message)
    {
        if (Settings.Update(message["session"], _audioProduced) is { } error)
            return error;
        _input.Configure(Settings.InputFormat, Settings.Turns);
        _idle?.Cancel();
        Emit("session.updated", new() { ["session"] = Settings.Wire.DeepClone() });
        return null;
    }

    private RealtimeError? CreateResponse(JsonObject message)
    {
        var parameters = message["response"] as JsonObject;
        if (Settings.IsTranscription)
            return new("invalid_request_error", "A transcription session does not create responses.");
        if (ResponseParameters.Check(parameters, Conversation) is { } error)
            return error;
        if (SessionSettings.Text(parameters?["conversation"]) != "none" && _active is { } active)
        {
            return new(
                "conversation_already_has_active_response",
                $"Conversation already has an active response in progress: {active.Id}. Wait until the response is finished before creating a new one.");
        }

        StartResponse(parameters);
        return null;
    }

    private void StartResponse(JsonObject? parameters)
    {
        var run = new ResponseRun(this, new ResponseParameters(Settings, parameters));
        if (run.IsOutOfBand)
        {
            _outOfBand.Add(run);
        }
        else
        {
            _active = run;
            _answerWhenFree = false;
            _idle?.Cancel();
        }

        run.Begin();
    }

    private RealtimeError? CancelResponse(JsonObject message)
    {
        var id = SessionSettings.Text(message["response_id"]);
        var run = id is null || id == _active?.Id ? _active : _outOfBand.Find(other => other.Id == id);
        if (run is null)
            return new("response_cancel_not_active", "Cancellation failed: no active response found");
        run.Cancel("client_cancelled");
        return null;
    }

    private void Fail(RealtimeError error, string? clientEventId)
    {
        Emit("error", new() { ["error"] = error.ToJson(clientEventId) });
        if (error.CloseCode is { } code)
            Close(code, error.CloseReason);
    }

    private void Close(int code, string reason)
    {
        if (_closed)
            return;
        _closed = true;
        Agenda.Dispose();
        _close(code, reason);
    }
}
