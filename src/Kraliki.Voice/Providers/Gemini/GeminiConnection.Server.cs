using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Kraliki.Contracts;
using Kraliki.Voice.Audio;
using Kraliki.Voice.Net;

namespace Kraliki.Voice.Providers.Gemini;

/// <summary>What Gemini says. Raised under <see cref="_raising"/>, on the socket's thread (2) or out of the mailbox.</summary>
internal sealed partial class GeminiConnection
{
    // What still comes of an interrupted turn is not to be heard; without the turn's end, which is promised, for no longer than this.
    private static readonly TimeSpan Residue = TimeSpan.FromSeconds(1.5);

    private readonly PcmInlet _inlet = new(24_000);
    private readonly List<Answer> _answers = [];
    private byte[] _data = [];
    private Answer? _answer;
    private int _answerCount;
    private bool _spokeThisTurn;
    private long? _interruptedAt;
    private bool _goingAway;
    private ModelUsage? _used;
    private long _answerBytes;

    private bool Interrupted => _interruptedAt is { } at && _time.GetElapsedTime(at) < Residue;

    public void OnMessage(ReadOnlySpan<byte> message)
    {
        lock (_raising)
        {
            // What the caller did before this came is told before it.
            RaiseWaiting();
            try
            {
                if (!ReadAudio(message))
                {
                    return;
                }

                // Nobody has checked a binary frame before, and the reader leaves strings as they are.
                if (Utf8.IsValid(message) && JsonSerializer.Deserialize(message, GeminiJson.Default.ServerMessage) is { } other)
                {
                    OnServerMessage(other);
                    return;
                }
            }
            catch (JsonException)
            {
                // Told below.
            }

            _events.Notice("invalid_json", "Gemini sent a message that is not JSON of the Live protocol; it was ignored.");
        }
    }

    /// <summary>
    /// The one large and frequent message, without objects:
    /// <c>{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm;rate=24000","data":"base64"}}]}}}</c>.
    /// </summary>
    /// <returns>True when the message says something beside audio.</returns>
    private bool ReadAudio(ReadOnlySpan<byte> message)
    {
        bool more = false;
        var reader = new Utf8JsonReader(message);
        while (reader.Read())
        {
            if (reader.TokenType != JsonTokenType.PropertyName)
            {
                continue;
            }

            switch (reader.CurrentDepth)
            {
                case 1 when reader.ValueTextEquals("serverContent"u8):
                case 2 when reader.ValueTextEquals("modelTurn"u8):
                case 3 when reader.ValueTextEquals("parts"u8):
                case 5 when reader.ValueTextEquals("inlineData"u8):
                    break;
                case 6 when reader.ValueTextEquals("data"u8):
                    if (reader.Read() && reader.TokenType == JsonTokenType.String)
                    {
                        OnAudio(ref reader);
                    }

                    break;
                case var depth:
                    more |= depth <= 2;
                    reader.Skip();
                    break;
            }
        }

        return more;
    }

    private void OnAudio(ref Utf8JsonReader reader)
    {
        var pcm = reader.ValueIsEscaped ? Unescaped(ref reader) : reader.ValueSpan;
        if (pcm.Length == 0 || !PlainBase64.IsValid(pcm) || !BeginAnswer())
        {
            return;
        }

        while (pcm.Length > 0)
        {
            var mulaw = _inlet.Next(ref pcm);
            if (mulaw.Length > 0)
            {
                _answer!.Bytes += PlainBase64.DecodedLength(mulaw);
                _answerBytes += PlainBase64.DecodedLength(mulaw);
                _events.AnswerAudio(_answer.Id, mulaw);
            }
        }
    }

    /// <summary>Some writers of JSON escape the slashes and equals signs of base64.</summary>
    private ReadOnlySpan<byte> Unescaped(ref Utf8JsonReader reader)
    {
        if (_data.Length < reader.ValueSpan.Length)
        {
            _data = new byte[reader.ValueSpan.Length];
        }

        try
        {
            return _data.AsSpan(0, reader.CopyString(_data));
        }
        catch (InvalidOperationException)
        {
            // Half of a surrogate pair: no base64 anyway.
            return default;
        }
    }

    private void OnServerMessage(ServerMessage message)
    {
        if (message.SetupComplete is { } complete && !_ready)
        {
            OnReady(complete.SessionId ?? _id);
        }

        if (message.ServerContent is { } content)
        {
            _newestHandle = null;
            OnContent(content, message.UsageMetadata);
        }
        else if (message.UsageMetadata is { } usage)
        {
            OnUsage(usage);
        }

        if (message.ToolCall?.FunctionCalls is { } calls)
        {
            OnToolCalls(calls);
        }

        foreach (string? id in message.ToolCallCancellation?.Ids ?? [])
        {
            bool asked;
            lock (_gate)
            {
                asked = id is not null && _asked.Remove(id);
            }

            if (asked)
            {
                _events.ToolCancelled(id!);
            }
        }

        if (message.SessionResumptionUpdate is { } update)
        {
            _newestHandle = update is { Resumable: true, NewHandle: { Length: > 0 } handle } ? handle : null;
        }

        if (message.GoAway is { } goAway)
        {
            _goingAway = true;
            _events.Expiring(TimeSpan.FromSeconds(double.TryParse(goAway.TimeLeft?.TrimEnd('s'), CultureInfo.InvariantCulture, out double left) ? left : 0));
        }
    }

    private void OnReady(string sessionId)
    {
        lock (_gate)
        {
            _ready = true;
            if (_handle is null)
            {
                // A resumed session knows all this already.
                _notes.InsertRange(0, _setup.Conversation.Recent.Select(Described).OfType<Content>());
            }

            SendWaiting();
        }

        _events.Connected(sessionId, _options.Model);
    }

    private void OnContent(ServerContent content, UsageMetadata? usage)
    {
        if (content.InterimInputTranscription?.Text is { } guess)
        {
            _transcripts.Guessed(guess);
        }

        if (content.InputTranscription?.Text is { Length: > 0 } heard)
        {
            _transcripts.Heard(heard);
        }

        if (content.OutputTranscription?.Text is { Length: > 0 } said && BeginAnswer())
        {
            lock (_gate)
            {
                _answer!.Text.Append(said);
            }

            _events.AnswerText(_answer.Id, said);
        }

        if (content.Interrupted)
        {
            _interruptedAt = _time.GetTimestamp();
        }

        if (content.GenerationComplete || content.Interrupted || content.TurnComplete)
        {
            EndAnswer();
        }

        if (usage is not null)
        {
            OnUsage(usage);
        }

        if (content.TurnComplete)
        {
            OnTurnComplete(content.TurnCompleteReason);
        }
    }

    private void OnTurnComplete(string? reason)
    {
        bool unanswered = false;
        lock (_gate)
        {
            // A turn that was interrupted ends like any other, though what was asked for since is still to come.
            if (_due && !_spokeThisTurn && !Interrupted)
            {
                _due = false;
                unanswered = true;
                SendWaiting();
            }
        }

        _interruptedAt = null;
        _spokeThisTurn = false;
        if (unanswered)
        {
            _transcripts.Unanswered();
        }

        if (unanswered && (_transcripts.Understood || reason is not null))
        {
            _events.AnswerFailed(reason?.ToLowerInvariant() ?? "no_answer", reason is null ? "Gemini ended its turn without a word." : $"Gemini gave no answer ({reason}).");
        }
    }

    /// <returns>False when what comes belongs to nothing that is to be heard.</returns>
    private bool BeginAnswer()
    {
        lock (_gate)
        {
            _spokeThisTurn = true;
            if (_discarding || Interrupted)
            {
                return false;
            }

            if (_answer is not null)
            {
                return true;
            }

            (_due, _generating) = (false, true);
            _answer = new Answer($"{_id}-a{++_answerCount}");
            if (_answers.Count == RememberedAnswers)
            {
                _answers.RemoveAt(0);
            }

            _answers.Add(_answer);
            _inlet.Reset();
        }

        _transcripts.Answered();
        return true;
    }

    private void EndAnswer()
    {
        bool cancelled;
        lock (_gate)
        {
            cancelled = _discarding || Interrupted;
            _discarding = _generating = false;
        }

        if (_answer is { } answer)
        {
            _answer = null;
            _events.AnswerDone(answer.Id, answer.Text.ToString(), cancelled);
        }

        lock (_gate)
        {
            SendWaiting();
        }
    }

    private void OnToolCalls(IReadOnlyList<FunctionCall?> calls)
    {
        bool wanted;
        lock (_gate)
        {
            _spokeThisTurn = true;
            wanted = !_discarding && !Interrupted;
            foreach (var call in calls)
            {
                if (wanted && call is { Id: not null, Name: not null })
                {
                    _asked.Add(call.Id);
                }
            }

            _due &= !wanted;
        }

        if (!wanted)
        {
            return;
        }

        // What it says with the result in hand is an answer of its own: the caller may have to wait for it.
        EndAnswer();
        foreach (var call in calls)
        {
            if (call is { Id: not null, Name: not null })
            {
                _events.ToolCall(call.Id, call.Name, call.Args?.GetRawText() ?? "{}");
            }
        }
    }

    private void OnUsage(UsageMetadata usage)
    {
        // Billed for each turn anew, with all that it was answered from. What is in no detail (a few tokens always are)
        // counts as audio, the dearer one.
        long prompt = Sane(usage.PromptTokenCount);
        long text = Math.Min(prompt, TextOf(usage.PromptTokensDetails));
        long cached = Math.Min(prompt, Sane(usage.CachedContentTokenCount));
        long cachedText = Math.Min(text, cached);
        long response = Sane(usage.ResponseTokenCount);
        long written = Math.Min(response, TextOf(usage.ResponseTokensDetails));
        var turn = new ModelUsage("gemini", _options.Model)
        {
            TextInTokens = text - cachedText + Sane(usage.ToolUsePromptTokenCount),
            TextCachedTokens = cachedText,
            AudioInTokens = prompt - text - (cached - cachedText),
            AudioCachedTokens = cached - cachedText,
            TextOutTokens = written + Sane(usage.ThoughtsTokenCount),
            AudioOutTokens = response - written,
        };
        lock (_gate)
        {
            _used = _used?.Plus(turn) ?? turn;
        }

        ReportUse();
    }

    /// <summary>From any thread.</summary>
    private void ReportUse()
    {
        ModelUsage used;
        lock (_gate)
        {
            used = (_used ?? new("gemini", _options.Model)) with { AudioInSeconds = Math.Round(_speech.FramesTold * 0.02, 2) };
        }

        _events.Used([used with { AudioOutSeconds = Math.Round(Volatile.Read(ref _answerBytes) / 8000.0, 2) }]);
    }

    private static long TextOf(IReadOnlyList<ModalityTokens?>? details) => details?.Sum(detail => detail?.Modality == "TEXT" ? Sane(detail.TokenCount) : 0) ?? 0;

    /// <summary>A server's mistake must not overflow a sum.</summary>
    private static long Sane(long tokens) => Math.Clamp(tokens, 0, 1_000_000_000);

    /// <summary>There are no error messages: why it ended is in the close frame's reason, cut to 123 bytes (docs/protocols/gemini-live.md).</summary>
    private void Closed(SocketEnd end, ushort code, string reason)
    {
        bool requested;
        lock (_gate)
        {
            requested = _requested;
        }

        if (requested)
        {
            RaiseClosed(ProviderEnd.Requested, "The connection was closed.");
            return;
        }

        bool says(params ReadOnlySpan<string> words)
        {
            foreach (string word in words)
            {
                if (reason.Contains(word, StringComparison.OrdinalIgnoreCase))
                {
                    return true;
                }
            }

            return false;
        }

        var (what, detail) = (code, end) switch
        {
            _ when end is not SocketEnd.PeerClosed => (_goingAway ? ProviderEnd.Expired : ProviderEnd.Lost, $"The connection to Gemini ended without a goodbye (code {code})."),
            _ when says("API key", "API_KEY", "unauthenticated", "permission denied") => (ProviderEnd.Unauthorized, "Gemini did not accept the API key. Check Kraliki:Providers:Gemini:ApiKey."),
            _ when says("quota", "credit", "billing", "rate limit", "resource exhausted") => (ProviderEnd.Error, $"Gemini's quota is used up: {reason}"),
            (1008, _) when says("not found", "not supported") => (ProviderEnd.Refused, $"Gemini does not offer the model {_options.Model}: {reason}"),
            _ when _goingAway || says("deadline expired", "session duration") => (ProviderEnd.Expired, $"Gemini ended the connection at the end of its life: {reason}"),
            (1007, _) => (_ready ? ProviderEnd.Error : ProviderEnd.Refused, $"Gemini refused what it was sent: {reason}"),
            (1008 or 1011, _) => (ProviderEnd.Error, $"Gemini closed the connection: {reason} (code {code})."),
            _ => (ProviderEnd.Lost, $"Gemini closed the connection: {reason} (code {code})."),
        };

        if (!_ready && _handle is not null && what is ProviderEnd.Refused or ProviderEnd.Error or ProviderEnd.Lost)
        {
            // A handle that it does not know any more; without it the conversation is told anew.
            _handle = null;
            _ = ConnectAsync();
            return;
        }

        RaiseClosed(what, detail);
    }

    private sealed class Answer(string id)
    {
        public string Id { get; } = id;

        /// <summary>Guarded by the gate: the loop's truncation reads it.</summary>
        public StringBuilder Text { get; } = new();

        /// <summary>Of μ-law.</summary>
        public long Bytes { get; set; }
    }
}
