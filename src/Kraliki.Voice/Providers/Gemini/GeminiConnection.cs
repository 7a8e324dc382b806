using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Threading.Channels;
using Kraliki.Contracts;
using Kraliki.LocalSpeech;
using Kraliki.Voice.Audio;
using Kraliki.Voice.Calls;
using Kraliki.Voice.Net;

namespace Kraliki.Voice.Providers.Gemini;

/// <summary>One Live session: hears for itself when the caller speaks, translates both ways, and asks for one answer at a time.</summary>
/// <remarks>
/// <code>
///  SendAudio ──► CallerSpeech ──► activityStart · audio · activityEnd ──► Gemini
///                    │ (1) started, stopped
///                    ▼
///                 mailbox ──► events ◄── (2) transcripts, answers ◄────── Gemini
/// </code>
/// <para>Turn taking is the loop's (docs/adr/0006, 0025): while it judges, an activity stays open. It is ended when its words
/// were an interruption; otherwise it stays open, unanswered, and the caller's next turn goes on in it.</para>
/// <para>The loop's calls write to the socket and change the small state under <see cref="_gate"/>, under which no event is
/// raised. Events are raised under <see cref="_raising"/>, which the loop's calls never take: the loop's own gate lies between
/// the two. What the loop's calls lead to goes through the mailbox.</para>
/// </remarks>
internal sealed partial class GeminiConnection : IProviderConnection, IMediaReceiver
{
    // Two seconds of audio waiting in the socket mean that the provider does not read; frames then wait on the chain's tape.
    private const int SocketHighWater = 100 * 950;

    // Two or three events for each utterance: this many waiting means that nobody takes them, and the connection ends.
    private const int MailboxCapacity = 1024;

    // Answers that may still be cut: the player holds one or two.
    private const int RememberedAnswers = 4;

    // Each turn is billed with all that it is answered from: at 25 tokens per second of audio this holds eight minutes of speech.
    // When it is full, a fifth is forgotten.
    private const string CompressionTrigger = "12000";
    private const string CompressionTarget = "9600";

    private const string Brackets = "\n\nText in square brackets is never from the caller: it tells you what happens on the line or what to do. Follow it and never read it out.";

    private readonly GeminiOptions _options;
    private readonly ProviderSetup _setup;
    private readonly IProviderEvents _events;
    private readonly TimeProvider _time;
    private readonly string _id = $"gemini_{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8))}";
    private readonly Lock _gate = new();
    private readonly Lock _raising = new();
    private readonly CancellationTokenSource _connecting = new();
    private readonly Channel<Action> _mailbox = Channel.CreateBounded<Action>(MailboxCapacity);
    private readonly CallerSpeech _speech;
    private readonly CallerTranscripts _transcripts;
    private readonly Action<VoiceActivity> _noticed;
    private readonly ITimer _settle;
    private readonly HashSet<string> _asked = [];
    private readonly List<Content> _notes = [];
    private readonly Queue<Content> _wishes = [];
    private volatile MediaSocket? _socket;
    private volatile bool _ready;
    private IReadOnlyList<CallTool> _tools;
    private string? _handle;
    private volatile string? _newestHandle;
    private int _callerTurns;
    private bool _held;

    // Asked for an answer of which nothing has come yet.
    private bool _due;

    // An answer is coming; it is thrown away when the loop has cancelled it.
    private bool _generating;
    private bool _discarding;
    private bool _requested;
    private bool _closed;

    public GeminiConnection(GeminiOptions options, ProviderSetup setup, IProviderEvents events, TimeProvider time)
    {
        (_options, _setup, _events, _time) = (options, setup, events, time);
        _tools = setup.Tools;
        _handle = setup.ResumeHandle;
        _speech = new CallerSpeech(options.SilenceMs);
        _noticed = Notice;
        _settle = time.CreateTimer(_ => Post(() => _transcripts!.Settle()), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _transcripts = new CallerTranscripts(events, time, left => _settle.Change(left, Timeout.InfiniteTimeSpan));
    }

    /// <summary>Only as long as nothing has been said since: who takes the session up by an older one would not know it.</summary>
    public string? ResumeHandle => _newestHandle;

    // What 3.8 brought; an older model closes the connection for it. The loop refuses a tool that is not offered anyway.
    private bool TakesContextUpdates => !_options.Model.Contains("2.5", StringComparison.Ordinal) && !_options.Model.Contains("3.1", StringComparison.Ordinal);

    public void Start() => _ = RunAsync();

    /// <summary>The session lives on this socket, not yet opened, instead of one of its own.</summary>
    internal void Start(MediaSocket socket)
    {
        Attach(socket);
        _ = RaiseAsync();
    }

    public bool SendAudio(ReadOnlySpan<byte> base64Mulaw)
    {
        if (!_ready || _socket is not { } socket || socket.QueuedBytes > SocketHighWater)
        {
            return false;
        }

        lock (_gate)
        {
            _speech.Hear(base64Mulaw, socket, _noticed);
        }

        return true;
    }

    public void Greet() => Ask(
        _setup.Greeting is { } words
            ? $"The call has just been answered. For your next turn: greet the caller with exactly these words and nothing more. Say: {words}"
            : "The call has just been answered. For your next turn: greet the caller first, briefly.");

    public void PickUp(string words, PickUpRest rest)
    {
        const string broke = "For your next turn: the line was interrupted for a moment and the caller is back.";
        string? task = (words.Length > 0, rest) switch
        {
            (_, PickUpRest.Continuation) => "For your next turn: your last turn was cut off after what you see of it, and the caller heard that much. Say only the rest of it, from where it stops, without repeating anything and without a word about it.",
            (true, PickUpRest.Answer) => $"{broke} Answer what the caller said last; if your answer was cut off, give it again. Begin with: {words}",
            (true, _) => $"{broke} Answer nothing, and only say: {words}",
            (false, PickUpRest.Answer) => "For your next turn: answer what the caller said last; if your answer was cut off, give it again.",
            _ => null,
        };
        if (task is not null)
        {
            Ask(task);
        }
    }

    public void Remember(IReadOnlyList<SessionFact> happened) => Tell([.. happened.Select(Described).OfType<Content>()]);

    public void CancelAnswer()
    {
        lock (_gate)
        {
            if (_generating && !_discarding)
            {
                // Any content interrupts the generation; unfinished, it asks for nothing new.
                _discarding = true;
                Send(new ClientContentMessage(new ClientContent(null, TurnComplete: false)), GeminiJson.Default.ClientContentMessage);
            }
        }
    }

    /// <summary>Gemini has no such thing: it is told instead. Its own guess of what was heard counts from when it sent the audio.</summary>
    public void Truncate(string turnId, int heardMs)
    {
        string heard;
        lock (_gate)
        {
            heard = _answers.Find(answer => answer.Id == turnId) is { } answer
                ? HeardText.Cut(answer.Text.ToString().Trim(), heardMs, (int)(answer.Bytes / G711.BytesPerMs))
                : "";
        }

        Tell([Bracketed(heard.Length == 0
            ? "The caller interrupted and heard nothing of your last answer."
            : $"The caller interrupted your last answer and heard only this much of it: “{heard}”")]);
    }

    public void HoldAnswers()
    {
        lock (_gate)
        {
            _held = true;
        }
    }

    public void ResumeAnswers(bool answerNow)
    {
        lock (_gate)
        {
            _held = false;
            if (answerNow && _speech is { Open: true, Speaking: false } && _socket is { } socket)
            {
                EndActivity(socket);
            }
        }
    }

    public void Instruct(string text) => Ask($"Operator: {text}");

    public void OfferTools(IReadOnlyList<CallTool> tools)
    {
        lock (_gate)
        {
            _tools = tools;
            if (_ready && TakesContextUpdates)
            {
                Send(new ContextUpdateMessage(new ContextUpdate(new ToolsUpdate(Declared(tools) ?? []))), GeminiJson.Default.ContextUpdateMessage);
            }
        }
    }

    public void ProvideToolResult(ToolCalled call)
    {
        lock (_gate)
        {
            if (_asked.Remove(call.CallId))
            {
                _due = true;
                Send(new ToolResponseMessage(new ToolResponse([new FunctionResponse(call.CallId, call.Name, ResultObject(call.Result))])), GeminiJson.Default.ToolResponseMessage);
                return;
            }
        }

        // Another connection had asked for it.
        Ask(ToolLine(call));
    }

    public void Close()
    {
        lock (_gate)
        {
            _requested = true;
        }

        _connecting.Cancel();
        _socket?.Close(1000, "");
        ReportUse();
    }

    public void OnFault(Exception exception) => Post(() => _events.Faulted(exception));

    public void OnClosed(SocketEnd end, ushort code, string reason) => Post(() => Closed(end, code, reason));

    /// <summary>(1) Inside the loop's gate.</summary>
    private void Notice(VoiceActivity activity)
    {
        if (activity == VoiceActivity.Started)
        {
            _newestHandle = null;
            string started = $"{_id}-c{++_callerTurns}";
            Post(() => _transcripts.Started(started));
            return;
        }

        string stopped = $"{_id}-c{_callerTurns}";
        bool ended = !_held && _socket is not null;
        bool voiced = _speech.Voiced;
        Post(() => _transcripts.Stopped(stopped, voiced, asked: ended));
        if (ended)
        {
            EndActivity(_socket!);
        }
    }

    private void EndActivity(MediaSocket socket)
    {
        _due = true;
        _speech.EndActivity(socket);
        Post(_transcripts.AnswerExpected);
    }

    /// <summary>Something to know, and not to answer.</summary>
    private void Tell(IReadOnlyList<Content> contents)
    {
        lock (_gate)
        {
            _notes.AddRange(contents);
            SendWaiting();
        }
    }

    /// <summary>Something to answer.</summary>
    private void Ask(string text)
    {
        lock (_gate)
        {
            _wishes.Enqueue(Bracketed(text));
            SendWaiting();
        }
    }

    /// <summary>Any content interrupts what is being generated, so it waits until that is complete.</summary>
    private void SendWaiting()
    {
        if (!_ready || _due || (_generating && !_discarding))
        {
            return;
        }

        bool ask = _wishes.TryDequeue(out var wish);
        if (ask)
        {
            _notes.Add(wish!);
            _due = true;
        }

        if (_notes.Count > 0)
        {
            Send(new ClientContentMessage(new ClientContent([.. _notes], TurnComplete: ask)), GeminiJson.Default.ClientContentMessage);
            _notes.Clear();
        }
    }

    private static Content Bracketed(string text) => new("user", $"[{text}]");

    private static Content? Described(SessionFact fact) => fact switch
    {
        TurnFinished turn => new(turn.Speaker == LegRole.Caller ? "user" : "model", turn.Text),
        OperatorText line => Bracketed($"Operator: {line.Text}"),
        ToolCalled { Result: not null } call => Bracketed(ToolLine(call)),
        _ => null,
    };

    private static string ToolLine(ToolCalled call) => $"Tool {call.Name} was called with {call.Arguments} and returned: {call.Result}";

    private static JsonElement ResultObject(string? result)
    {
        try
        {
            using var document = JsonDocument.Parse(result ?? "null");
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? document.RootElement.Clone()
                : JsonSerializer.SerializeToElement(new PlainOutput(document.RootElement.Clone()), GeminiJson.Default.PlainOutput);
        }
        catch (JsonException)
        {
            return JsonSerializer.SerializeToElement(new PlainOutput(JsonSerializer.SerializeToElement(result!, GeminiJson.Default.String)), GeminiJson.Default.PlainOutput);
        }
    }

    private static IReadOnlyList<ToolDeclarations>? Declared(IReadOnlyList<CallTool> tools) => tools.Count == 0
        ? null
        : [new([.. tools.Select(tool => new FunctionDeclaration(tool.Name, tool.Description, tool.Schema))])];

    private void Send<T>(T message, JsonTypeInfo<T> type)
    {
        _newestHandle = null;
        _socket?.Send(JsonSerializer.SerializeToUtf8Bytes(message, type));
    }

    private void SendSetup() => Send(
        new SetupMessage(new LiveSetup(
            $"models/{_options.Model}",
            new GenerationConfig(["AUDIO"], new SpeechConfig(new VoiceConfig(new PrebuiltVoiceConfig(_setup.Voice ?? _options.Voice)), _setup.Language)),
            new Content("user", _setup.Conversation.Instruct(_setup.Instructions) + Brackets),
            Declared(_tools),
            new RealtimeInputConfig(new AutomaticActivityDetection(Disabled: true)),
            new SessionResumption(_handle),
            new ContextWindowCompression(CompressionTrigger, new SlidingWindow(CompressionTarget)))),
        GeminiJson.Default.SetupMessage);

    private void Post(Action step)
    {
        if (!_mailbox.Writer.TryWrite(step))
        {
            _mailbox.Writer.TryComplete(new InvalidOperationException($"Nobody takes the events of a Gemini connection: {MailboxCapacity} wait."));
        }
    }

    private async Task RunAsync()
    {
        await ConnectAsync().ConfigureAwait(false);
        await RaiseAsync().ConfigureAwait(false);
    }

    private async Task RaiseAsync()
    {
        try
        {
            while (await _mailbox.Reader.WaitToReadAsync().ConfigureAwait(false))
            {
                lock (_raising)
                {
                    RaiseWaiting();
                }
            }
        }
        catch (Exception e)
        {
            // The edge of this task, which nobody awaits: a bug ends the connection with a reason, not in silence.
            _socket?.Abort();
            lock (_raising)
            {
                _events.Faulted(e);
                RaiseClosed(ProviderEnd.Error, "The connection to Gemini failed by a fault of ours.");
            }
        }
        finally
        {
            await _settle.DisposeAsync().ConfigureAwait(false);
        }
    }

    private void RaiseWaiting()
    {
        while (_mailbox.Reader.TryRead(out var step))
        {
            step();
        }
    }

    private void Attach(MediaSocket socket)
    {
        _socket = socket;
        socket.Open(this);
        SendSetup();
        if (_connecting.IsCancellationRequested)
        {
            socket.Close(1000, "");
        }
    }

    private async Task ConnectAsync()
    {
        try
        {
            var uri = new UriBuilder(_options.BaseUrl)
            {
                Scheme = _options.BaseUrl.Scheme is "https" or "wss" ? "wss" : "ws",
                Port = _options.BaseUrl.Port,
                Path = _options.BaseUrl.AbsolutePath.TrimEnd('/') + "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
                Query = "key=" + Uri.EscapeDataString(_options.ApiKey),
            }.Uri;
            List<KeyValuePair<string, string>> headers = [];
            if (_setup.RequestId is { } request)
            {
                headers.Add(new("X-Request-ID", request));
            }

            if (_setup.TraceParent is { } trace)
            {
                // https://www.w3.org/TR/trace-context/#traceparent-header
                headers.Add(new("traceparent", trace));
            }

            Attach(await MediaConnector.ConnectAsync(uri, headers, MediaSocketOptions.Provider, _time, _connecting.Token).ConfigureAwait(false));
        }
        catch (HandshakeException e)
        {
            Post(() => RaiseClosed(
                e.Status is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden ? ProviderEnd.Unauthorized : ProviderEnd.Refused,
                $"Gemini could not be connected: {e.Message}"));
        }
        catch (OperationCanceledException)
        {
            Post(() => RaiseClosed(ProviderEnd.Requested, "The connection was given up."));
        }
        catch (Exception e)
        {
            // The edge of this task, which nobody awaits: a bug ends the call with a reason, not with a deadline.
            Post(() =>
            {
                _events.Faulted(e);
                RaiseClosed(ProviderEnd.Error, "The connection to Gemini failed by a fault of ours.");
            });
        }
    }

    private void RaiseClosed(ProviderEnd end, string detail)
    {
        if (!_closed)
        {
            _closed = true;
            _mailbox.Writer.TryComplete();
            _events.Closed(end, detail);
        }
    }
}
