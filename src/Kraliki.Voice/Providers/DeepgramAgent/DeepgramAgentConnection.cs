using System.Security.Cryptography;
using System.Text;
using Kraliki.Contracts;
using Kraliki.LocalSpeech;
using Kraliki.Voice.Audio;
using Kraliki.Voice.Providers.Segmented;

namespace Kraliki.Voice.Providers.DeepgramAgent;

/// <summary>One conversation with Deepgram's Voice Agent: translates both ways and keeps what the protocol lacks.</summary>
/// <remarks>
/// <para>The agent finds turns, interrupts itself and answers by itself, and cannot be told not to. So its answer is held back
/// here while an interruption is being judged, and is dropped when it was none (docs/adr/0028).</para>
/// <para>Everything that happens is a step in one mailbox, so state needs no lock and events come one at a time.</para>
/// </remarks>
internal sealed class DeepgramAgentConnection : IProviderConnection
{
    // An answer that is held back, as μ-law: a minute. The verdict comes within seconds; what is beyond is not kept.
    private const int MaxHeldBytes = 60_000 * G711.BytesPerMs;

    // A sound after which no words come was none. Words follow speech by a second or so.
    private static readonly TimeSpan WordsPatience = TimeSpan.FromSeconds(5);

    // A longer one was speech: an agent that makes no words of it owes them, and the call finds out that it is dead.
    private const long LongestNoiseMs = 700;
    private static readonly TimeSpan Watch = TimeSpan.FromMilliseconds(500);

    private const string System =
        "Messages in the caller's place that begin with \"[Operator]\" or \"For this answer only:\" come from the telephone system, not from the caller: follow them and do not mention them.";

    private readonly string _id = $"dga_{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8))}";
    private readonly Mailbox _mailbox = new();
    private readonly AgentSocket _socket;
    private readonly DeepgramAgentOptions _options;
    private readonly ProviderSetup _setup;
    private readonly IProviderEvents _events;
    private readonly string? _model;
    private readonly TimeProvider _time;
    private readonly SpeechPieces _speech;
    private readonly VoiceActivityDetector _detector = new(new VoiceActivityOptions());
    private readonly StringBuilder _prompt;

    // What was put in the caller's place comes back as if he had said it; a handful at a time.
    private readonly List<string> _injected = [];

    // Refused, because somebody was in the middle of a turn; put again when it is over.
    private readonly List<string> _refused = [];
    private readonly HashSet<string> _asked = [];

    // Tools that a held answer asks for.
    private readonly List<AgentFunction> _heldCalls = [];
    private IReadOnlyList<CallTool> _tools;
    private ITimer? _watch;
    private bool _ready;
    private (ProviderEnd End, string Detail) _end = (ProviderEnd.Requested, "The conversation was closed.");

    private int _turns;
    private bool _turnOpen;
    private bool _turnStopped;
    private long _turnQuietSince;
    private long _spokeMs;

    private string? _answer;
    private int _answers;
    private readonly StringBuilder _said = new();
    private bool _dropping;
    private bool _held;
    private bool _holdingBack;
    private bool _doneWhileHeld;

    // The caller said something while held, and the agent has not begun to answer it yet.
    private bool _answerDue;

    // That was no turn: whatever the agent says to it is overlooked to its end.
    private bool _overlooking;
    private readonly MemoryStream _heldAudio = new();

    private long _bytesIn;
    private long _bytesOut;

    public DeepgramAgentConnection(DeepgramAgentOptions options, ProviderSetup setup, IProviderEvents events, string? model, TimeProvider time)
    {
        (_options, _setup, _events, _model, _time, _tools) = (options, setup, events, model, time, setup.Tools);
        _prompt = new StringBuilder(setup.Conversation.Instruct(setup.Instructions)).Append("\n\n").Append(System);
        _speech = new SpeechPieces(base64 => _events.AnswerAudio(_answer!, base64));
        _socket = new AgentSocket(options, setup, _mailbox, OnMessage, OnAudio, new(end => End(end.End, end.Detail), events.Notice, OnFault), time);
    }

    public void Start()
    {
        _socket.Start();
        _ = Task.Run(RunAsync);
    }

    public bool SendAudio(ReadOnlySpan<byte> base64Mulaw)
    {
        Span<byte> mulaw = stackalloc byte[192];
        if (base64Mulaw.Length > 256)
        {
            return SendAudio(base64Mulaw[..256]) && SendAudio(base64Mulaw[256..]);
        }

        if (!_socket.Hear(base64Mulaw, mulaw, out int length))
        {
            return false;
        }

        _bytesIn += length;
        if (length == G711.FrameBytes)
        {
            Span<short> pcm = stackalloc short[G711.FrameBytes];
            G711.Decode(mulaw[..length], pcm);
            if (_detector.Process(pcm) == VoiceActivity.Stopped)
            {
                // The agent tells when the caller begins, and never when he ends.
                long spokeMs = _detector.SpeechEndMs - _detector.SpeechStartMs;
                _mailbox.Post(() => OnQuiet(spokeMs));
            }
        }

        return true;
    }

    public void Greet() => _mailbox.Post(() => Ask(GreetTask.For(_setup.Greeting)));

    public void PickUp(string words, PickUpRest rest) => _mailbox.Post(() => Ask(PickUpTask.For(words, rest) ?? "Answer what the caller said last."));

    public void Remember(IReadOnlyList<SessionFact> happened) => _mailbox.Post(() =>
    {
        foreach (var fact in happened)
        {
            Note(fact);
        }

        SendThink();
    });

    public void CancelAnswer() => _mailbox.Post(() =>
    {
        if (_answer is not null)
        {
            _dropping = true;
            Finish(cancelled: true);
        }
    });

    /// <summary>Never asked for: see <see cref="ProviderCapabilities.Truncates"/>.</summary>
    public void Truncate(string turnId, int heardMs)
    {
    }

    public void HoldAnswers() => _mailbox.Post(() => (_held, _answerDue) = (true, false));

    public void ResumeAnswers(bool answerNow) => _mailbox.Post(() =>
    {
        _held = false;
        AgentFunction[] wishes = [.. _heldCalls];
        _heldCalls.Clear();
        if (!_holdingBack)
        {
            _overlooking = !answerNow && (_answerDue || wishes.Length > 0);
        }
        else if (answerNow)
        {
            _holdingBack = false;
            Release();
        }
        else
        {
            // It has answered a cough: nobody ever hears of it.
            (_holdingBack, _answer, _overlooking) = (false, null, !_doneWhileHeld || wishes.Length > 0);
            _said.Clear();
        }

        _heldAudio.SetLength(0);
        Array.ForEach(wishes, answerNow ? Raise : Refuse);
    });

    public void Instruct(string text) => _mailbox.Post(() => Inject($"[Operator] {text}"));

    public void OfferTools(IReadOnlyList<CallTool> tools) => _mailbox.Post(() =>
    {
        _tools = tools;
        SendThink();
    });

    public void ProvideToolResult(ToolCalled call) => _mailbox.Post(() =>
    {
        if (_asked.Remove(call.CallId))
        {
            _socket.Send(new FunctionCallResponse(call.CallId, call.Name, call.Result ?? ""), AgentJson.Default.FunctionCallResponse);
        }
        else
        {
            Inject($"[Operator] The tool {call.Name}, called with {call.Arguments}, gave: {call.Result}");
        }
    });

    public void Close() => _mailbox.Post(_mailbox.Stop);

    private async Task RunAsync()
    {
        try
        {
            await _mailbox.RunAsync().ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // The edge of this task, which nobody awaits: a bug ends the conversation with a reason, not in silence.
            OnFault(e);
        }

        _watch?.Dispose();
        _socket.Close();
        ReportUse();
        _events.Closed(_end.End, _end.Detail);
    }

    private void End(ProviderEnd end, string detail)
    {
        // A message that told why comes before the close that only tells that.
        if (_end.End == ProviderEnd.Requested)
        {
            _end = (end, detail);
        }

        _mailbox.Stop();
    }

    private void OnFault(Exception exception)
    {
        _events.Faulted(exception);
        End(ProviderEnd.Error, "The connection to Deepgram's voice agent failed by a fault of ours.");
    }

    private void OnMessage(DeepgramMessage message)
    {
        switch (message.Type)
        {
            case "Welcome":
                _socket.Send(Settings(), AgentJson.Default.AgentSettings);
                break;

            case "SettingsApplied" when !_ready:
                _ready = true;
                _watch = _time.CreateTimer(_ => _mailbox.Post(OnWatch), null, Watch, Watch);
                _events.Connected(_id, _model);
                break;

            case "UserStartedSpeaking":
                OnSpeechStarted();
                break;

            case "ConversationText" when message is { Role: "user", Content: { } words }:
                OnCaller(words.Trim());
                break;

            case "ConversationText" when message is { Role: "assistant", Content: { Length: > 0 } words } && !_dropping && !_overlooking:
                OnWords(words.Trim());
                break;

            case "AgentStartedSpeaking" when !_overlooking:
                // An answer that was given up ends without a word where the caller interrupted: this is the next.
                _dropping = false;
                BeginAnswer();
                break;

            case "AgentAudioDone":
                OnAudioDone();
                break;

            case "FunctionCallRequest":
                foreach (var wish in message.Functions ?? [])
                {
                    OnWish(wish);
                }

                break;

            case "InjectionRefused" when _injected.Count > 0:
                // Answered in order: it is the oldest that has not come back.
                _refused.Add(_injected[0]);
                _injected.RemoveAt(0);
                break;

            case "Warning" or "InjectionRefused":
                _events.Notice(message.Code ?? message.Type, message.Description ?? "Deepgram's voice agent gave a warning without a message.");
                break;

            case "Error":
                End(ProviderEnd.Error, $"Deepgram's voice agent reported an error: {message.Description ?? "no reason given"} ({message.Code}).");
                break;
        }
    }

    private void OnSpeechStarted()
    {
        _turnQuietSince = _time.GetTimestamp();
        if (_turnOpen)
        {
            return;
        }

        // Whatever it was saying, it has stopped.
        _dropping = _overlooking = false;
        (_turnOpen, _turnStopped, _spokeMs) = (true, false, 0);
        _turns++;
        _events.SpeechStarted(Turn);
        if (_answer is not null && !_holdingBack)
        {
            // The agent has stopped itself: what is there is all that will come of this answer.
            Finish(cancelled: true);
        }
    }

    private void OnQuiet(long spokeMs)
    {
        _spokeMs = spokeMs;
        _turnQuietSince = _time.GetTimestamp();
        StopTurn();
    }

    private void StopTurn()
    {
        if (_turnOpen && !_turnStopped)
        {
            _turnStopped = true;
            _events.SpeechStopped(Turn);
        }
    }

    private void OnCaller(string words)
    {
        if (_injected.Remove(words))
        {
            // What is said from here on answers this.
            _dropping = _overlooking = false;
            return;
        }

        if (!_turnOpen)
        {
            OnSpeechStarted();
        }

        StopTurn();
        EndTurn(words);
    }

    private void EndTurn(string words)
    {
        _turnOpen = false;
        _answerDue |= _held && words.Length > 0;
        _events.CallerFinal(Turn, words, null);
        PutAgain();
    }

    private void OnWatch()
    {
        if (_turnOpen && !_detector.Speaking && _spokeMs < LongestNoiseMs && _time.GetElapsedTime(_turnQuietSince) >= WordsPatience)
        {
            StopTurn();
            EndTurn("");
        }
    }

    private void BeginAnswer()
    {
        if (_answer is null)
        {
            _answer = $"{_id}-a{++_answers}";
            _said.Clear();
            _speech.Drop();
            (_holdingBack, _doneWhileHeld, _answerDue) = (_held, false, false);
        }
    }

    private void OnWords(string words)
    {
        BeginAnswer();
        string delta = _said.Length == 0 ? words : $" {words}";
        _said.Append(delta);
        if (!_holdingBack)
        {
            _events.AnswerText(_answer!, delta);
        }
    }

    private void OnAudio(ReadOnlySpan<byte> mulaw)
    {
        // What the agent still sends of an answer that has ended here belongs to nobody.
        if (_answer is null || _dropping || _overlooking)
        {
            return;
        }

        _bytesOut += mulaw.Length;
        if (!_holdingBack)
        {
            _speech.Add(mulaw);
        }
        else if (_heldAudio.Length + mulaw.Length <= MaxHeldBytes)
        {
            _heldAudio.Write(mulaw);
        }
    }

    private void OnAudioDone()
    {
        bool overlooked = _overlooking;
        _dropping = _overlooking = false;
        if (_holdingBack)
        {
            _doneWhileHeld = true;
        }
        else if (_answer is not null && !overlooked)
        {
            Finish(cancelled: false);
        }

        PutAgain();
    }

    private void PutAgain()
    {
        string[] lines = [.. _refused];
        _refused.Clear();
        Array.ForEach(lines, Inject);
    }

    private void Release()
    {
        if (_said.Length > 0)
        {
            _events.AnswerText(_answer!, _said.ToString());
        }

        _speech.Add(_heldAudio.GetBuffer().AsSpan(0, (int)_heldAudio.Length));
        if (_doneWhileHeld)
        {
            Finish(cancelled: false);
        }
    }

    /// <summary>A tool is called for by an answer, and shares its fate.</summary>
    private void OnWish(AgentFunction? wish)
    {
        if (wish is not { Id: not null, Name: not null })
        {
            return;
        }

        if (_overlooking || _dropping)
        {
            Refuse(wish);
        }
        else if (_held || _holdingBack)
        {
            _heldCalls.Add(wish);
        }
        else
        {
            Raise(wish);
        }
    }

    private void Raise(AgentFunction wish)
    {
        _asked.Add(wish.Id!);
        _events.ToolCall(wish.Id!, wish.Name!, wish.Arguments ?? "{}");
    }

    private void Refuse(AgentFunction wish) => _socket.Send(
        new FunctionCallResponse(wish.Id!, wish.Name!, """{"error":"The caller did not ask for that. Do not mention it."}"""), AgentJson.Default.FunctionCallResponse);

    private void Finish(bool cancelled)
    {
        string answer = _answer!;
        if (cancelled)
        {
            _speech.Drop();
        }
        else
        {
            _speech.Rest();
        }

        _answer = null;
        _holdingBack = false;
        _heldAudio.SetLength(0);
        _events.AnswerDone(answer, _said.ToString(), cancelled);
        ReportUse();
    }

    /// <summary>The agent tells nothing of it: it is billed by the time that it is connected, in which audio flows all the time.</summary>
    private void ReportUse() => _events.Used([new ModelUsage("deepgram_agent", _options.ThinkModel) { AudioInSeconds = Seconds(_bytesIn), AudioOutSeconds = Seconds(_bytesOut) }]);

    private void Ask(string task) => Inject($"For this answer only: {task}");

    private void Inject(string content)
    {
        _injected.Add(content);
        _socket.Send(new InjectUserMessage(content), AgentJson.Default.InjectUserMessage);
    }

    private void Note(SessionFact fact)
    {
        string? line = fact switch
        {
            TurnFinished { Speaker: LegRole.Caller } turn => $"Caller: {turn.Text}",
            TurnFinished { Speaker: LegRole.Ai } turn => $"You: {turn.Text}",
            OperatorText text => $"Operator to you: {text.Text}",
            ToolCalled { Result: not null } call => $"Tool {call.Name}, called with {call.Arguments}, gave: {call.Result}",
            _ => null,
        };
        if (line is not null)
        {
            _prompt.Append("\n\nMeanwhile: ").Append(line);
        }
    }

    private AgentSettings Settings()
    {
        string voice = _setup.Voice is { } wanted && wanted.StartsWith("aura-", StringComparison.Ordinal) ? wanted : _options.Voice;
        return new(
            new(new("mulaw", 8000), new("mulaw", 8000, "none")),
            new(
                _setup.Conversation.Recent.Count == 0 ? null : new([.. _setup.Conversation.Recent.Select(History).OfType<AgentHistory>()]),
                new(new("deepgram", _options.ListenModel, _setup.Language ?? _options.Language)),
                Think(),
                new(new("deepgram", voice))));
    }

    private static AgentHistory? History(SessionFact fact) => fact switch
    {
        TurnFinished turn => new(turn.Speaker == LegRole.Caller ? "user" : "assistant", turn.Text),
        OperatorText line => new("user", $"[Operator] {line.Text}"),
        ToolCalled { Result: { } result } call => new(null, null, [new(call.CallId, call.Name, ClientSide: true, call.Arguments, result)]),
        _ => null,
    };

    private AgentThink Think() => new(
        new(_options.ThinkProvider, _options.ThinkModel), _prompt.ToString(), [.. _tools.Select(tool => new AgentTool(tool.Name, tool.Description, tool.Schema))]);

    private void SendThink()
    {
        if (_ready)
        {
            _socket.Send(new UpdateThink(Think()), AgentJson.Default.UpdateThink);
        }
    }

    private string Turn => $"{_id}-c{_turns}";

    private static double Seconds(long bytes) => Math.Round(bytes / (G711.BytesPerMs * 1000.0), 2);
}
