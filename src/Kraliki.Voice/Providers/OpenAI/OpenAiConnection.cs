using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Kraliki.Contracts;
using Kraliki.Voice.Audio;
using Kraliki.Voice.Net;

namespace Kraliki.Voice.Providers.OpenAI;

/// <summary>One Realtime session: translates both ways and keeps only what the protocol needs remembered.</summary>
/// <remarks>
/// <para>The loop's calls write to the socket and read or set the small state under <see cref="_gate"/>, which is never held
/// while an event is raised: the loop's own gate is always the outer one.</para>
/// <para>Turn taking is the loop's: <c>interrupt_response</c> is off, and <c>create_response</c> is switched off while an
/// interruption is being judged (docs/adr/0006).</para>
/// </remarks>
internal sealed class OpenAiConnection(OpenAiOptions options, ProviderSetup setup, IProviderEvents events, TimeProvider time) : IProviderConnection, IMediaReceiver
{
    // One second of audio waiting in the socket means that the provider does not read; frames then wait in the loop's backlog.
    private const int SocketHighWater = 50 * 280;

    private static readonly byte[] AppendHead = "{\"type\":\"input_audio_buffer.append\",\"audio\":\""u8.ToArray();
    private static readonly byte[] AppendTail = "\"}"u8.ToArray();

    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _connecting = new();
    private readonly StringBuilder _callerText = new();
    private readonly StringBuilder _answerText = new();
    private readonly List<string> _committedWhileHeld = [];
    private readonly List<string> _forgotten = [];
    private volatile MediaSocket? _socket;
    private readonly string _instructions = setup.Conversation.Instruct(setup.Instructions);

    // Tools that this connection asked for; others were asked for by the one before.
    private readonly HashSet<string> _asked = [];

    // Of the newest answer that asked for tools: those whose results are not there yet.
    private readonly HashSet<string> _awaited = [];
    private IReadOnlyList<CallTool> _tools = setup.Tools;
    private bool _configured;
    private bool _ready;
    private bool _closed;
    private bool _held;
    private bool _restoring;
    private volatile bool _responseActive;
    private volatile bool _cancelSent;
    private bool _createWhenDone;
    private string? _lateWords;
    private ProviderEnd? _knownEnd;
    private string? _knownDetail;
    private string? _sessionId;
    private string? _model;
    private string? _callerItem;
    private string? _answerItem;
    private byte[] _answerItemUtf8 = [];
    private bool _answerOpen;
    private long _inputTokens;
    private long _outputTokens;
    private long _cachedTokens;
    private long _framesIn;
    private long _answerBytesTotal;

    public void Start() => _ = ConnectAsync();

    public bool SendAudio(ReadOnlySpan<byte> base64Mulaw)
    {
        if (_socket is not { } socket || socket.QueuedBytes > SocketHighWater)
        {
            return false;
        }

        _framesIn++;
        socket.Send(AppendHead, base64Mulaw, AppendTail);
        return true;
    }

    public void Greet() => Create(new ResponseCreate(new ResponseSettings($"{_instructions}\nThe call has just been answered: greet the caller first, briefly.")));

    public void PickUp(string words, PickUpRest rest)
    {
        string? task = PickUpTask.For(words, rest);
        Create(new ResponseCreate(task is null ? null : new ResponseSettings($"{_instructions}\n{task}")));
    }

    public void Remember(IReadOnlyList<SessionFact> happened)
    {
        foreach (var fact in happened)
        {
            SendItem(fact);
        }
    }

    public void CancelAnswer()
    {
        if (_responseActive)
        {
            _cancelSent = true;
            Send(new ResponseCancel(), OpenAiJson.Default.ResponseCancel);
        }
    }

    public void Truncate(string turnId, int heardMs)
    {
        // The server refuses a truncation at 0 where it produced no audio.
        if (heardMs <= 0)
        {
            Send(new ItemDelete(turnId), OpenAiJson.Default.ItemDelete);
        }
        else
        {
            Send(new ItemTruncate(turnId, heardMs), OpenAiJson.Default.ItemTruncate);
        }
    }

    public void HoldAnswers()
    {
        lock (_gate)
        {
            _held = true;
            _restoring = false;
            _committedWhileHeld.Clear();
        }

        SendTurnDetection(createResponse: false);
    }

    public void ResumeAnswers(bool answerNow)
    {
        List<string> committed = [];
        string? lateWords;
        bool held;
        lock (_gate)
        {
            held = _held;
            (lateWords, _lateWords) = (_lateWords, null);
            if (held)
            {
                _held = false;
                _restoring = answerNow;
                committed = [.. _committedWhileHeld];
                _committedWhileHeld.Clear();
                _forgotten.Clear();
                _forgotten.AddRange(answerNow ? [] : committed);
            }
        }

        if (held)
        {
            SendTurnDetection(createResponse: true);
        }

        if (!answerNow)
        {
            // A cough or "uh-huh" in the history would look like an unanswered question.
            foreach (string item in committed)
            {
                Send(new ItemDelete(item), OpenAiJson.Default.ItemDelete);
            }

            return;
        }

        if (lateWords is not null)
        {
            // They were deleted as a cough before they were known.
            Send(new ItemCreate(new RealtimeItem(Type: "message", Role: "user", Content: [new RealtimeContent("input_text", lateWords)])), OpenAiJson.Default.ItemCreate);
        }

        if (committed.Count > 0 || lateWords is not null)
        {
            Create(new ResponseCreate());
        }
    }

    public void Instruct(string text)
    {
        Send(new ItemCreate(new RealtimeItem(Type: "message", Role: "system", Content: [new RealtimeContent("input_text", text)])), OpenAiJson.Default.ItemCreate);
        Create(new ResponseCreate());
    }

    public void OfferTools(IReadOnlyList<CallTool> tools)
    {
        // Sent under the gate, as the first settings are: whichever comes last must be the last on the wire.
        lock (_gate)
        {
            _tools = tools;
            if (_configured)
            {
                Send(new SessionUpdate(new SessionSettings(Tools: Settings(tools))), OpenAiJson.Default.SessionUpdate);
            }
        }
    }

    public void ProvideToolResult(ToolCalled call)
    {
        bool asked;
        bool complete;
        lock (_gate)
        {
            asked = _asked.Remove(call.CallId);
            _awaited.Remove(call.CallId);
            complete = _awaited.Count == 0;
        }

        if (!asked)
        {
            SendToolRequest(call);
        }

        SendToolResult(call);
        if (complete)
        {
            // One answer that knows all results, however many were asked for at a time.
            Create(new ResponseCreate());
        }
    }

    public void Close()
    {
        lock (_gate)
        {
            if (_closed)
            {
                return;
            }

            _knownEnd ??= ProviderEnd.Requested;
        }

        _connecting.Cancel();
        _socket?.Close(1000, "");
    }

    public void OnMessage(ReadOnlySpan<byte> message)
    {
        if (TryReadAudio(message, out var payload))
        {
            _answerBytesTotal += payload.Length / 4 * 3;
            events.AnswerAudio(_answerItem!, payload);
            return;
        }

        ServerEvent? serverEvent;
        try
        {
            serverEvent = JsonSerializer.Deserialize(message, OpenAiJson.Default.ServerEvent);
        }
        catch (JsonException)
        {
            events.Notice("invalid_json", "OpenAI sent a message that is not JSON of the Realtime protocol; it was ignored.");
            return;
        }

        if (serverEvent?.Type is not null)
        {
            OnEvent(serverEvent);
        }
    }

    public void OnFault(Exception exception) => events.Faulted(exception);

    public void OnClosed(SocketEnd end, ushort code, string reason)
    {
        string detail = _knownDetail ?? (end == SocketEnd.PeerClosed && reason.Length > 0
            ? $"OpenAI closed the connection: {reason} (code {code})."
            : $"The connection to OpenAI ended without a goodbye (code {code}).");
        RaiseClosed(_knownEnd ?? (code is 3000 ? ProviderEnd.Unauthorized : code is 4000 or 4004 ? ProviderEnd.Refused : ProviderEnd.Lost), detail);
    }

    /// <summary>
    /// The one large and frequent event, without a JSON parser: <c>{"type":"response.output_audio.delta",…,"item_id":"…",…,"delta":"base64"}</c>.
    /// Quotes inside JSON strings are escaped, so the needles can only be members of the event itself.
    /// </summary>
    private bool TryReadAudio(ReadOnlySpan<byte> message, out ReadOnlySpan<byte> payload)
    {
        payload = default;
        if (message[..Math.Min(message.Length, 256)].IndexOf("\"type\":\"response.output_audio.delta\""u8) < 0
            || !TryReadString(message, "\"item_id\":\""u8, out var item)
            || !TryReadString(message, "\"delta\":\""u8, out payload)
            || payload.Length == 0 || item.Length == 0 || item.Contains((byte)'\\') || !PlainBase64.IsValid(payload))
        {
            return false;
        }

        if (!item.SequenceEqual(_answerItemUtf8))
        {
            BeginAnswer(Encoding.UTF8.GetString(item));
        }

        return true;
    }

    private static bool TryReadString(ReadOnlySpan<byte> message, ReadOnlySpan<byte> needle, out ReadOnlySpan<byte> value)
    {
        value = default;
        int at = message.IndexOf(needle);
        if (at < 0)
        {
            return false;
        }

        value = message[(at + needle.Length)..];
        int end = value.IndexOf((byte)'"');
        if (end < 0)
        {
            return false;
        }

        value = value[..end];
        return true;
    }

    private void BeginAnswer(string itemId)
    {
        _answerItem = itemId;
        _answerItemUtf8 = Encoding.UTF8.GetBytes(itemId);
        _answerOpen = true;
        _answerText.Clear();
    }

    private void OnEvent(ServerEvent e)
    {
        switch (e.Type)
        {
            case "session.created":
                _sessionId = e.Session?.Id;
                _model = e.Session?.Model ?? options.Model;
                Configure();
                break;

            case "session.updated":
                lock (_gate)
                {
                    // The echo of an older "off" may come after we asked for "on".
                    _restoring &= e.Session?.Audio?.Input?.TurnDetection?.CreateResponse == false;
                }

                if (!_ready)
                {
                    _ready = true;
                    events.Connected(_sessionId ?? "", _model);
                }

                break;

            case "input_audio_buffer.speech_started" when e.ItemId is not null:
                events.SpeechStarted(e.ItemId);
                break;

            case "input_audio_buffer.speech_stopped" when e.ItemId is not null:
                events.SpeechStopped(e.ItemId);
                break;

            case "input_audio_buffer.committed" when e.ItemId is not null:
                OnCommitted(e.ItemId);
                break;

            case "conversation.item.input_audio_transcription.delta" when e.ItemId is not null:
                if (_callerItem != e.ItemId)
                {
                    _callerItem = e.ItemId;
                    _callerText.Clear();
                }

                events.CallerPartial(e.ItemId, _callerText.Append(e.Delta).ToString());
                break;

            case "conversation.item.input_audio_transcription.completed" when e.ItemId is not null:
                OnTranscript(e.ItemId, e.Transcript ?? "");
                break;

            case "conversation.item.input_audio_transcription.failed" when e.ItemId is not null:
                events.Notice("transcription_failed", e.Error?.Message ?? "OpenAI could not write down what the caller said.");
                bool forgotten;
                lock (_gate)
                {
                    forgotten = _forgotten.Remove(e.ItemId);
                }

                // What was taken for a cough and cannot be understood stays a cough.
                events.CallerFinal(e.ItemId, forgotten ? "" : "(inaudible)", 0);
                break;

            case "response.created":
                _responseActive = true;
                _cancelSent = false;
                lock (_gate)
                {
                    // This answer knows them: they are neither to be answered again nor to be forgotten.
                    _committedWhileHeld.Clear();
                }

                break;

            case "response.output_audio.delta" when e.ItemId is not null && e.Delta is not null:
                // Only reached when the fast path declined: unusual spelling of the JSON.
                if (e.ItemId != _answerItem)
                {
                    BeginAnswer(e.ItemId);
                }

                var audio = Encoding.ASCII.GetBytes(e.Delta);
                if (audio.Length > 0 && PlainBase64.IsValid(audio))
                {
                    _answerBytesTotal += audio.Length / 4 * 3;
                    events.AnswerAudio(e.ItemId, audio);
                }

                break;

            case "response.output_audio_transcript.delta" when e.ItemId is not null && e.Delta is not null:
                if (e.ItemId != _answerItem)
                {
                    BeginAnswer(e.ItemId);
                }

                _answerText.Append(e.Delta);
                events.AnswerText(e.ItemId, e.Delta);
                break;

            case "response.done":
                OnResponseDone(e.Response);
                break;

            case "error":
                OnError(e.Error);
                break;
        }
    }

    private void OnCommitted(string itemId)
    {
        bool create;
        lock (_gate)
        {
            if (_held)
            {
                _committedWhileHeld.Add(itemId);
            }

            // The server may have committed before our "create_response on" reached it: then nobody else asks for the answer.
            create = _restoring;
            _restoring = false;
        }

        if (create)
        {
            Create(new ResponseCreate());
        }
    }

    private void OnTranscript(string itemId, string text)
    {
        lock (_gate)
        {
            if (_forgotten.Remove(itemId))
            {
                _lateWords = text;
            }
        }

        events.CallerFinal(itemId, text, null);
        lock (_gate)
        {
            // The loop decides inside the event; words that it did not want are not for the next turn.
            _lateWords = null;
        }
    }

    /// <summary>Before the first of them is told: its result may come inside the event.</summary>
    private void Await(IReadOnlyList<RealtimeItem?> output)
    {
        lock (_gate)
        {
            // What an older answer still waits for is not waited for any more.
            if (output.Any(item => item is { Type: "function_call", CallId: not null }))
            {
                _awaited.Clear();
            }

            foreach (var item in output)
            {
                if (item is { Type: "function_call", CallId: { } id })
                {
                    _asked.Add(id);

                    // What ends the call has no result.
                    if (item.Name != CallTool.EndCall.Name)
                    {
                        _awaited.Add(id);
                    }
                }
            }
        }
    }

    private void OnResponseDone(RealtimeResponse? response)
    {
        _responseActive = false;

        // A cancellation may cross the answer's own end; what the answer wanted then counts no more either.
        bool cancelled = _cancelSent || response?.Status == "cancelled";
        _cancelSent = false;
        if (!cancelled && response?.Output is { } output)
        {
            Await(output);
        }

        foreach (var item in response?.Output ?? [])
        {
            if (item is { Type: "message", Id: not null })
            {
                string text = item.Content?.FirstOrDefault(content => content is { Transcript: not null } or { Text: not null }) is { } content
                    ? content.Transcript ?? content.Text!
                    : item.Id == _answerItem ? _answerText.ToString() : "";
                _answerOpen &= item.Id != _answerItem;
                events.AnswerDone(item.Id, text, cancelled);
            }
            else if (item is { Type: "function_call", CallId: not null, Name: not null } && !cancelled)
            {
                events.ToolCall(item.CallId, item.Name, item.Arguments ?? "{}");
            }
        }

        if (_answerOpen)
        {
            // Broken off without being listed; left open it would stand before every later answer.
            _answerOpen = false;
            events.AnswerDone(_answerItem!, _answerText.ToString(), cancelled: true);
        }

        if (response?.Usage is { } usage)
        {
            _inputTokens += usage.InputTokens;
            _outputTokens += usage.OutputTokens;
            _cachedTokens += usage.InputTokenDetails?.CachedTokens ?? 0;
            events.Usage(new ProviderUsage(_inputTokens, _outputTokens, _cachedTokens, _framesIn * 0.02, _answerBytesTotal / 8000.0));
        }

        if (response?.Status == "failed")
        {
            var error = response.StatusDetails?.Error;
            events.AnswerFailed(error?.Code ?? "response_failed", error?.Message ?? "OpenAI could not produce an answer.");
        }

        if (_createWhenDone)
        {
            _createWhenDone = false;
            Create(new ResponseCreate());
        }
    }

    private void OnError(RealtimeError? error)
    {
        switch (error?.Code)
        {
            // Races that the protocol leaves open and that harm nothing: our request crossed the server's own decision.
            case "response_cancel_not_active":
                break;

            case "conversation_already_has_active_response":
                _createWhenDone = true;
                break;

            case "session_expired":
                _knownEnd = ProviderEnd.Expired;
                _knownDetail = "The OpenAI session reached its maximum duration.";
                break;

            case "invalid_api_key":
                _knownEnd = ProviderEnd.Unauthorized;
                _knownDetail = "OpenAI did not accept the API key. Check Kraliki:Providers:OpenAI:ApiKey.";
                break;

            case "missing_model" or "invalid_model" or "model_not_found" or "beta_api_shape_disabled":
                _knownEnd = ProviderEnd.Refused;
                _knownDetail = $"OpenAI refused the session: {error.Message}";
                break;

            case var _ when !_ready:
                // Nothing was agreed on yet, and nothing will be: what it refused is the session itself.
                _knownEnd = ProviderEnd.Refused;
                _knownDetail = $"OpenAI refused the session: {error?.Message}";
                _socket?.Close(1000, "");
                break;

            default:
                events.Notice(error?.Code ?? error?.Type ?? "error", error?.Message ?? "OpenAI reported an error without a message.");
                break;
        }
    }

    private void Configure()
    {
        var pcmu = new AudioFormat("audio/pcmu");
        lock (_gate)
        {
            _configured = true;
            Send(
                new SessionUpdate(new SessionSettings(
                    new AudioSettings(
                        new AudioInput(Detection(createResponse: true), pcmu, new Transcription(options.TranscriptionModel)),
                        new AudioOutput(pcmu, options.Voice)),
                    _instructions,
                    ["audio"],
                    Settings(_tools))),
                OpenAiJson.Default.SessionUpdate);
        }

        Remember(setup.Conversation.Recent);
    }

    private void SendItem(SessionFact fact)
    {
        switch (fact)
        {
            case TurnFinished turn:
                bool caller = turn.Speaker == LegRole.Caller;
                Send(
                    new ItemCreate(new RealtimeItem(Type: "message", Role: caller ? "user" : "assistant", Content: [new RealtimeContent(caller ? "input_text" : "output_text", turn.Text)])),
                    OpenAiJson.Default.ItemCreate);
                break;
            case OperatorText line:
                Send(
                    new ItemCreate(new RealtimeItem(Type: "message", Role: "system", Content: [new RealtimeContent("input_text", line.Text)])),
                    OpenAiJson.Default.ItemCreate);
                break;
            case ToolCalled { Result: not null } call:
                SendToolRequest(call);
                SendToolResult(call);
                break;
        }
    }

    private void SendToolRequest(ToolCalled call)
        => Send(new ItemCreate(new RealtimeItem(Type: "function_call", CallId: call.CallId, Name: call.Name, Arguments: call.Arguments)), OpenAiJson.Default.ItemCreate);

    private void SendToolResult(ToolCalled call)
        => Send(new ItemCreate(new RealtimeItem(Type: "function_call_output", CallId: call.CallId, Output: call.Result)), OpenAiJson.Default.ItemCreate);

    private static IReadOnlyList<ToolSettings> Settings(IReadOnlyList<CallTool> tools) =>
        [.. tools.Select(tool => new ToolSettings("function", tool.Name, tool.Description, tool.Schema))];

    private TurnDetection Detection(bool createResponse) => new("server_vad", options.SilenceMs, createResponse, InterruptResponse: false);

    private void SendTurnDetection(bool createResponse)
        => Send(new SessionUpdate(new SessionSettings(new AudioSettings(new AudioInput(Detection(createResponse))))), OpenAiJson.Default.SessionUpdate);

    private void Create(ResponseCreate create)
    {
        // Only one answer at a time (protocol §5): a second request waits for the end of the first.
        if (_responseActive)
        {
            _createWhenDone = true;
        }
        else
        {
            Send(create, OpenAiJson.Default.ResponseCreate);
        }
    }

    private void Send<T>(T message, JsonTypeInfo<T> type) => _socket?.Send(JsonSerializer.SerializeToUtf8Bytes(message, type));

    /// <summary>From now on the session lives on this socket, not yet opened.</summary>
    internal void Attach(MediaSocket socket)
    {
        _socket = socket;
        socket.Open(this);
        if (_connecting.IsCancellationRequested)
        {
            socket.Close(1000, "");
        }
    }

    private async Task ConnectAsync()
    {
        try
        {
            string scheme = options.BaseUrl.Scheme is "https" or "wss" ? "wss" : "ws";
            var uri = new UriBuilder(options.BaseUrl)
            {
                Scheme = scheme,
                Port = options.BaseUrl.Port,
                Path = options.BaseUrl.AbsolutePath.TrimEnd('/') + "/realtime",
                Query = "model=" + Uri.EscapeDataString(options.Model),
            }.Uri;
            List<KeyValuePair<string, string>> headers = [new("Authorization", "Bearer " + options.ApiKey)];
            if (setup.RequestId is { } request)
            {
                // https://platform.openai.com/docs/api-reference/debugging-requests; compatible servers know the common name.
                headers.Add(new("X-Client-Request-Id", request));
                headers.Add(new("X-Request-ID", request));
            }

            if (setup.TraceParent is { } trace)
            {
                // https://www.w3.org/TR/trace-context/#traceparent-header
                headers.Add(new("traceparent", trace));
            }

            var socket = await MediaConnector.ConnectAsync(
                uri, headers, MediaSocketOptions.Provider, time, _connecting.Token).ConfigureAwait(false);
            Attach(socket);
        }
        catch (HandshakeException e)
        {
            RaiseClosed(
                e.Status is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden ? ProviderEnd.Unauthorized : ProviderEnd.Refused,
                $"OpenAI could not be connected: {e.Message}");
        }
        catch (OperationCanceledException)
        {
            RaiseClosed(ProviderEnd.Requested, "The connection was given up.");
        }
        catch (Exception e)
        {
            // The edge of this task, which nobody awaits: a bug ends the call with a reason, not with a deadline.
            events.Faulted(e);
            RaiseClosed(ProviderEnd.Error, "The connection to OpenAI failed by a fault of ours.");
        }
    }

    private void RaiseClosed(ProviderEnd end, string detail)
    {
        lock (_gate)
        {
            if (_closed)
            {
                return;
            }

            _closed = true;
        }

        events.Closed(end, detail);
    }
}
