using System.Text.Json.Nodes;
using Kraliki.LocalSpeech;

namespace Kraliki.Simulators.OpenAI;

/// <summary>The life of one response: created, thought, spoken item by item, done. Belongs to its session's gate.</summary>
/// <remarks>
/// 1. <see cref="Begin"/> announces it; it waits until the ear has understood everything before it.
/// 2. The mind decides: a message, a function call, or both, in this order.
/// 3. The message is spoken phrase by phrase; its words go ahead of their audio, which is sent faster than it plays.
/// 4. Every part that was opened is closed, however the response ends.
/// </remarks>
internal sealed class ResponseRun(RealtimeSession session, ResponseParameters parameters)
{
    // Captures show rate_limits.updated about this long after response.done.
    private static readonly TimeSpan RateLimitsDelay = TimeSpan.FromMilliseconds(43);

    private static readonly TimeSpan TextPhraseInterval = TimeSpan.FromMilliseconds(20);

    private readonly List<JsonObject> _output = [];
    private readonly List<byte> _unsent = [];
    private readonly Resampler _up = AudioFormat.Up();
    private Queue<string> _phrases = [];
    private Item? _message;
    private MindCall? _call;
    private Agenda.Entry? _next;
    private string _said = "";
    private int _audioMs;
    private int _outputText;
    private int _delta;
    private TimeSpan? _firstAudioAt;
    private bool _over;

    public string Id { get; } = Ids.New("resp");

    public bool IsOutOfBand => parameters.IsOutOfBand;

    /// <summary>Step 1.</summary>
    public void Begin()
    {
        session.Emit("response.created", new() { ["response"] = Describe("in_progress", null, null) });
        session.WhenHeard(() => After(session.Options.ThinkTime, Think));
    }

    public void Cancel(string reason)
    {
        if (_over)
            return;
        if (_message is not null)
            CloseMessage("incomplete");
        Finish("cancelled", new() { ["type"] = "cancelled", ["reason"] = reason });
    }

    // Step 2.
    private void Think()
    {
        // What follows an item that went is read anew.
        if (session.Settings.Limit is { } limit && session.Conversation.Trim(limit))
            session.CachedTokens = Tokens.OfText(parameters.Instructions);
        var input = new MindInput(
            parameters.Instructions, parameters.HasOwnInstructions, [.. Context().Select(Remember).OfType<MindTurn>()],
            parameters.Tools, parameters.RequiredTool);
        session.Offload(() => session.Mind(input), Answer, Failed);
    }

    private IEnumerable<Item> Context() => parameters.Input is not { } own
        ? session.Conversation.Items.Where(item => !item.Forgotten)
        : own.OfType<JsonObject>().Select(item => SessionSettings.Text(item["type"]) == "item_reference"
            ? session.Conversation.Find(SessionSettings.Text(item["id"]))!
            : Item.FromClient(item));

    private static MindTurn? Remember(Item item) => (item.Type, item.Role) switch
    {
        ("function_call_output", _) => new(MindRole.Tool, item.Memory ?? ""),
        ("message", "system") => new(MindRole.System, item.Memory ?? ""),
        ("message", "assistant") => new(MindRole.Assistant, item.Memory ?? ""),
        ("message", _) => new(MindRole.User, item.Memory ?? ""),
        _ => null,
    };

    private void Answer(MindReply reply)
    {
        if (_over)
            return;
        _call = reply.Call;
        _phrases = new(PhraseSplitter.Split(reply.Text));
        if (_phrases.Count > 0)
            OpenMessage();
        else
            CallOrFinish();
    }

    private void Failed(string why)
    {
        if (_over)
            return;
        if (_message is not null)
            CloseMessage("incomplete");
        Finish("failed", new()
        {
            ["type"] = "failed",
            ["error"] = new JsonObject { ["type"] = "server_error", ["code"] = "server_error", ["message"] = why },
        });
    }

    // Step 3.
    private void OpenMessage()
    {
        _message = Item.Message(Ids.New("item"), "assistant", "in_progress", []);
        _message.Memory = "";
        session.Emit("response.output_item.added", ForItem(new() { ["item"] = _message.Wire.DeepClone() }, withItemId: false));
        AddToConversation(_message);
        session.Emit("response.content_part.added", ForPart(new() { ["part"] = Part("") }));
        SayNextPhrase();
    }

    private void SayNextPhrase()
    {
        if (!_phrases.TryDequeue(out var phrase))
        {
            if (_unsent.Count > 0)
            {
                SendDelta(_unsent.Count);
                return;
            }

            CloseMessage("completed");
            CallOrFinish();
            return;
        }

        var words = _said.Length == 0 ? phrase : $" {phrase}";
        if (parameters.TextOnly)
        {
            SendWords("response.output_text.delta", words);
            After(TextPhraseInterval, SayNextPhrase);
        }
        else
        {
            session.Offload(() => session.Voice(phrase, parameters.VoiceName), pcm => Speak(words, pcm), Failed);
        }
    }

    private void Speak(string words, short[] pcm)
    {
        if (_over)
            return;
        _message!.AudioFormat = parameters.Format;
        _message.Spoken.Add((words, pcm.Length / 8));
        SendWords("response.output_audio_transcript.delta", words);
        _unsent.AddRange(parameters.Format.Encode(pcm, _up));
        SendAudio();
    }

    private void SendWords(string type, string words)
    {
        foreach (var piece in Tokens.Pieces(words))
            session.Emit(type, ForPart(new() { ["delta"] = piece }));
        _said += words;
        _message!.Memory = _said;
        _outputText += Tokens.OfText(words);
    }

    private void SendAudio()
    {
        var sizes = session.Options.DeltaSizes;
        // Base64 holds 3 bytes in 4 characters; an even number keeps PCM samples whole.
        var bytes = sizes[_delta % sizes.Count] / 4 * 3 / 2 * 2;
        if (_unsent.Count >= bytes)
            SendDelta(bytes);
        else
            SayNextPhrase();
    }

    private void SendDelta(int bytes)
    {
        var audio = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_unsent)[..bytes];
        session.Emit("response.output_audio.delta", ForPart(new() { ["delta"] = Convert.ToBase64String(session.Degraded.Apply(audio.ToArray(), parameters.Format.Silence)) }));
        _message!.Audio.AddRange(audio);
        _unsent.RemoveRange(0, bytes);
        _delta++;
        _firstAudioAt ??= session.Agenda.Now;
        session.AudioWasProduced();
        var ms = (double)bytes / parameters.Format.BytesPerMs;
        _audioMs = _message.AudioMs;
        if (parameters.MaxTokens < _outputText + Tokens.OfOutputAudio(_audioMs))
        {
            CloseMessage("incomplete");
            Finish("incomplete", new() { ["type"] = "incomplete", ["reason"] = "max_output_tokens" });
            return;
        }

        After(TimeSpan.FromMilliseconds(ms / session.Options.OutputSpeed), SendAudio);
    }

    // Step 4.
    private void CloseMessage(string status)
    {
        var message = _message!;
        _message = null;
        if (parameters.TextOnly)
        {
            message.Wire["content"] = new JsonArray(new JsonObject { ["type"] = "output_text", ["text"] = _said });
            session.Emit("response.output_text.done", ForPart(new() { ["text"] = _said }, message));
        }
        else
        {
            message.Wire["content"] = new JsonArray(new JsonObject { ["type"] = "output_audio", ["transcript"] = _said });
            session.Emit("response.output_audio.done", ForPart([], message));
            session.Emit("response.output_audio_transcript.done", ForPart(new() { ["transcript"] = _said }, message));
        }

        session.Emit("response.content_part.done", ForPart(new() { ["part"] = Part(_said) }, message));
        CloseItem(message, status);
    }

    private void CallOrFinish()
    {
        if (_call is { } call)
        {
            var item = Item.FunctionCall(Ids.New("item"), Ids.New("call"), call.Name);
            session.Emit("response.output_item.added", ForItem(new() { ["item"] = item.Wire.DeepClone() }, withItemId: false));
            AddToConversation(item);
            foreach (var piece in Tokens.Pieces(call.Arguments))
                session.Emit("response.function_call_arguments.delta", ForItem(new() { ["call_id"] = item.CallId, ["delta"] = piece }, item));
            item.Wire["arguments"] = call.Arguments;
            _outputText += Tokens.OfText(call.Arguments);
            session.Emit("response.function_call_arguments.done", ForItem(
                new() { ["call_id"] = item.CallId, ["name"] = call.Name, ["arguments"] = call.Arguments }, item));
            CloseItem(item, "completed");
        }

        Finish("completed", null);
    }

    private void AddToConversation(Item item)
    {
        if (IsOutOfBand)
            return;
        item.PreviousId = session.Conversation.Append(item);
        session.Emit("conversation.item.added", new() { ["previous_item_id"] = item.PreviousId, ["item"] = item.Wire.DeepClone() });
    }

    private void CloseItem(Item item, string status)
    {
        item.Status = status;
        if (!IsOutOfBand)
            session.Emit("conversation.item.done", new() { ["previous_item_id"] = item.PreviousId, ["item"] = item.Wire.DeepClone() });
        session.Emit("response.output_item.done", ForItem(new() { ["item"] = item.Wire.DeepClone() }, withItemId: false));
        _output.Add(item.Wire);
    }

    private void Finish(string status, JsonObject? details)
    {
        _over = true;
        _next?.Cancel();
        session.Emit("response.done", new() { ["response"] = Describe(status, details, Usage()) });
        session.Agenda.After(RateLimitsDelay, ReportRateLimits);
        var playedFor = _firstAudioAt is { } since ? session.Agenda.Now - since : TimeSpan.Zero;
        var playsFor = TimeSpan.FromMilliseconds(_audioMs) - playedFor;
        session.ResponseEnded(this, playsFor > TimeSpan.Zero ? playsFor : TimeSpan.Zero);
    }

    private JsonObject Usage()
    {
        int text = Tokens.OfText(parameters.Instructions), audio = 0;
        foreach (var item in Context().Where(item => _output.TrueForAll(own => own != item.Wire)))
            (text, audio) = (text + item.Weight().Text, audio + item.Weight().Audio);

        var usage = Tokens.Usage(text, audio, session.CachedTokens, _outputText, Tokens.OfOutputAudio(_audioMs));
        session.CachedTokens = text + audio;
        return usage;
    }

    private void ReportRateLimits() => session.Emit("rate_limits.updated", new()
    {
        ["rate_limits"] = new JsonArray(new JsonObject
        {
            ["name"] = "tokens",
            ["limit"] = 200_000,
            ["remaining"] = Math.Max(0, 200_000 - session.CachedTokens),
            ["reset_seconds"] = Math.Round(session.CachedTokens / 200_000.0 * 60, 3),
        }),
    });

    private JsonObject Describe(string status, JsonObject? details, JsonObject? usage) => new()
    {
        ["object"] = "realtime.response",
        ["id"] = Id,
        ["status"] = status,
        ["status_details"] = details,
        ["output"] = new JsonArray([.. _output.Select(item => item.DeepClone())]),
        ["conversation_id"] = IsOutOfBand ? null : session.Conversation.Id,
        ["output_modalities"] = new JsonArray(parameters.TextOnly ? "text" : "audio"),
        ["max_output_tokens"] = parameters.MaxTokens is { } limit ? limit : "inf",
        ["audio"] = new JsonObject
        {
            ["output"] = new JsonObject { ["format"] = parameters.Format.ToJson(), ["voice"] = parameters.Voice?.DeepClone() },
        },
        ["usage"] = usage,
        ["metadata"] = parameters.Metadata?.DeepClone(),
    };

    private JsonObject Part(string words) => parameters.TextOnly
        ? new() { ["type"] = "text", ["text"] = words }
        : new() { ["type"] = "audio", ["transcript"] = words };

    private JsonObject ForPart(JsonObject fields, Item? message = null)
    {
        fields.Insert(0, "content_index", 0);
        return ForItem(fields, message ?? _message);
    }

    private JsonObject ForItem(JsonObject fields, Item? item = null, bool withItemId = true)
    {
        fields.Insert(0, "output_index", _output.Count);
        if (withItemId)
            fields.Insert(0, "item_id", item!.Id);
        fields.Insert(0, "response_id", Id);
        return fields;
    }

    private void After(TimeSpan delay, Action step)
    {
        if (!_over)
            _next = session.Agenda.After(delay, step);
    }
}
