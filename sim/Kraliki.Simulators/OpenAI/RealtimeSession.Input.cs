using System.Text.Json.Nodes;

namespace Kraliki.Simulators.OpenAI;

/// <summary>What the caller says: the input buffer, turns, and the transcripts that follow them.</summary>
internal sealed partial class RealtimeSession
{
    private RealtimeError? AppendAudio(JsonObject message)
    {
        if (SessionSettings.Text(message["audio"]) is not { } base64)
            return RealtimeError.Missing("audio");
        var bytes = new byte[base64.Length / 4 * 3 + 3];
        if (!Convert.TryFromBase64String(base64, bytes, out var length))
            return RealtimeError.InvalidValue("Invalid 'audio'. Expected base64-encoded audio bytes.", "audio");
        if (length > LargestAppendBytes)
            return RealtimeError.InvalidValue("Invalid 'audio'. At most 15 MiB fit into one event.", "audio");
        _input.Append(bytes.AsSpan(0, length));
        return null;
    }

    private RealtimeError? CommitByClient()
    {
        if (_input.BufferedMs < SmallestCommitMs)
        {
            return new(
                "input_audio_buffer_commit_empty",
                $"Error committing input audio buffer: buffer too small. Expected at least {SmallestCommitMs}ms of audio, but buffer only has {_input.BufferedMs:0.00}ms of audio.");
        }

        Commit(_turnId ?? Ids.New("item"));
        return null;
    }

    private void SpeechStarted(int audioStartMs)
    {
        _turnId = Ids.New("item");
        _idle?.Cancel();
        Emit("input_audio_buffer.speech_started", new() { ["audio_start_ms"] = audioStartMs, ["item_id"] = _turnId });
        if (Settings.Turns is { InterruptResponse: true })
        {
            _answerWhenFree = false;
            _active?.Cancel("turn_detected");
        }
    }

    private void SpeechStopped(int audioEndMs)
    {
        var id = _turnId ?? Ids.New("item");
        Emit("input_audio_buffer.speech_stopped", new() { ["audio_end_ms"] = audioEndMs, ["item_id"] = id });
        Commit(id);
        if (Settings.IsTranscription || Settings.Turns is not { CreateResponse: true })
            return;
        // Without interruption a turn can end while the model still speaks. What the real service does then is not known;
        // answering afterwards keeps the conversation going.
        if (_active is not null)
            _answerWhenFree = true;
        else
            StartResponse(null);
    }

    private void Commit(string itemId)
    {
        _turnId = null;
        var format = Settings.InputFormat;
        var audio = _input.Take();
        var item = Item.Message(itemId, "user", "completed", [new JsonObject { ["type"] = "input_audio", ["transcript"] = null }]);
        item.AudioFormat = format;
        item.Audio.AddRange(audio);
        AddUserAudio(item, committed: true);
        _input.EndUtterance(words => Heard(item, words));
    }

    private void AddUserAudio(Item item, bool committed)
    {
        var previous = Conversation.Append(item);
        if (committed)
            Emit("input_audio_buffer.committed", new() { ["previous_item_id"] = previous, ["item_id"] = item.Id });
        Emit("conversation.item.added", new() { ["previous_item_id"] = previous, ["item"] = item.Wire.DeepClone() });
        Emit("conversation.item.done", new() { ["previous_item_id"] = previous, ["item"] = item.Wire.DeepClone() });
        item.IsBeingHeard = true;
    }

    /// <summary>The ear understood an item, or failed to. Any thread.</summary>
    private void Heard(Item item, string? words)
    {
        lock (_gate)
        {
            item.IsBeingHeard = false;
            item.Memory = words ?? "";
            if (_closed)
                return;
            if (Settings.TranscriptionModel is { } model)
                ReportTranscript(item, words, model);
            if (Conversation.Items.Any(other => other.IsBeingHeard))
                return;
            Action[] waiting = [.. _waitingForTheEar];
            _waitingForTheEar.Clear();
            foreach (var resume in waiting)
                resume();
        }
    }

    private void ReportTranscript(Item item, string? words, string model)
    {
        const string Prefix = "conversation.item.input_audio_transcription";
        if (words is null)
        {
            var error = new RealtimeError("transcription_unavailable", _ear.Impediment ?? "The audio could not be transcribed.", Type: "transcription_error");
            var reason = error.ToJson(null);
            reason.Remove("event_id");
            Emit($"{Prefix}.failed", new() { ["item_id"] = item.Id, ["content_index"] = 0, ["error"] = reason });
            return;
        }

        if (item.FirstPart is { } part)
            part["transcript"] = words;
        var deltas = model == "whisper-1" ? [words] : Tokens.Pieces(words);
        foreach (var delta in deltas)
            Emit($"{Prefix}.delta", new() { ["item_id"] = item.Id, ["content_index"] = 0, ["delta"] = delta });
        Emit($"{Prefix}.completed", new()
        {
            ["item_id"] = item.Id,
            ["content_index"] = 0,
            ["transcript"] = words,
            ["usage"] = Tokens.Transcription(model, item.AudioMs, words),
        });
    }

    /// <summary>Nobody spoke for <c>idle_timeout_ms</c> after an answer: an empty turn makes the model ask.</summary>
    private void CallerIsIdle(int idleMs)
    {
        if (_active is not null || _turnId is not null)
            return;
        var id = Ids.New("item");
        var end = (int)_input.ReceivedMs;
        Emit("input_audio_buffer.timeout_triggered", new()
        {
            ["audio_start_ms"] = Math.Max(0, end - idleMs),
            ["audio_end_ms"] = end,
            ["item_id"] = id,
        });
        _input.Clear();
        var item = Item.Message(id, "user", "completed", [new JsonObject { ["type"] = "input_audio", ["transcript"] = null }]);
        item.AudioFormat = Settings.InputFormat;
        AddUserAudio(item, committed: true);
        Heard(item, "");
        if (Settings.Turns is { CreateResponse: true })
            StartResponse(null);
    }
}
