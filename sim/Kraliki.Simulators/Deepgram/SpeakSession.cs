using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Kraliki.LocalSpeech;
using Kraliki.Simulators.Faults;
using Kraliki.Simulators.OpenAI;

namespace Kraliki.Simulators.Deepgram;

/// <summary>One socket of <c>/v1/speak</c>: text in, audio and <c>Flushed</c> out.</summary>
internal sealed class SpeakSession : ISocketSession, IDisposable
{
    /// <summary>Characters of one <c>Speak</c>.</summary>
    public const int LongestText = 2_400;

    private const int PieceMs = 100;

    private static readonly TimeSpan FlushWindow = TimeSpan.FromSeconds(60);

    private readonly Lock _gate = new();
    private readonly string _model;
    private readonly WireAudio _audio;
    private readonly SimulatedSocket _socket;
    private readonly DeepgramSimulatorOptions _options;
    private readonly Voice _voice;
    private readonly ITimer _idle;
    private readonly StringBuilder _text = new();
    private readonly Queue<long> _flushes = new();

    // Bounded by what a client may flush; one that floods is closed.
    private readonly Channel<Work> _work = Channel.CreateBounded<Work>(new BoundedChannelOptions(256) { SingleReader = true });
    private int _generation;
    private int _sequence;

    public SpeakSession(string model, WireAudio audio, SimulatedSocket socket, Voice voice, DeepgramSimulatorOptions options)
    {
        (_model, _audio, _socket, _voice, _options) = (model, audio, socket, voice, options);
        _idle = options.TimeProvider.CreateTimer(
            _ => socket.SendClose(1011, "NET-0001: No message was received within the timeout window."), null, options.SpeakIdleTimeout, Timeout.InfiniteTimeSpan);
    }

    public void Open(string requestId)
    {
        _socket.Send(new()
        {
            ["type"] = "Metadata",
            ["request_id"] = requestId,
            ["model_name"] = _model,
            ["model_version"] = "2025-04-14.0",
            ["model_uuid"] = requestId,
        });
        _ = Task.Run(SpeakAsync);
    }

    public void OnBinary(ReadOnlySpan<byte> bytes) => _socket.SendClose(1003, "MESSAGE-0000: Only text messages are accepted.");

    public void OnText(ReadOnlySpan<byte> utf8)
    {
        _idle.Change(_options.SpeakIdleTimeout, Timeout.InfiniteTimeSpan);
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
        switch (type)
        {
            case "Speak" when SessionSettings.Text(message!["text"]) is { } text:
                if (text.Length > LongestText)
                    _socket.SendClose(1009, "BIG-0001: The text is too long.");
                else
                    _text.Append(text);
                break;
            case "Flush":
                Flush();
                break;
            case "Clear":
                Clear();
                break;
            case "Close":
                Enqueue(new(TakeText(), _generation, Last: true));
                break;
            default:
                _socket.SendClose(1008, "DATA-0000: The message is not a known command.");
                return;
        }

        _socket.Handled(type);
    }

    public void InjectError(Fault fault) => _socket.Send(new()
    {
        ["type"] = "Warning",
        ["description"] = fault.Reason ?? "Something went wrong.",
        ["code"] = fault.Code ?? "UNKNOWN",
    });

    public void Expire() => _socket.SendClose(1011, "NET-0003: The session reached its time limit.");

    public void Dispose()
    {
        _idle.Dispose();
        _work.Writer.TryComplete();
    }

    private void Flush()
    {
        while (_flushes.TryPeek(out var oldest) && _options.TimeProvider.GetElapsedTime(oldest) >= FlushWindow)
            _flushes.Dequeue();
        if (_flushes.Count >= _options.FlushesPerMinute)
        {
            _socket.Send(new()
            {
                ["type"] = "Warning",
                ["description"] = $"More than {_options.FlushesPerMinute} Flush messages in 60 seconds; it was ignored.",
                ["code"] = "EXCESSIVE_FLUSH",
            });
            return;
        }

        _flushes.Enqueue(_options.TimeProvider.GetTimestamp());
        Enqueue(new(TakeText(), _generation, Last: false));
    }

    private void Clear()
    {
        _text.Clear();
        lock (_gate)
        {
            _generation++;
            _socket.Send(new() { ["type"] = "Cleared", ["sequence_id"] = _sequence++ });
        }
    }

    private string TakeText()
    {
        var text = _text.ToString();
        _text.Clear();
        return text;
    }

    private void Enqueue(Work work)
    {
        if (!_work.Writer.TryWrite(work))
            _socket.SendClose(1008, "DATA-0001: Too much is waiting to be spoken.");
    }

    private async Task SpeakAsync()
    {
        try
        {
            await foreach (var work in _work.Reader.ReadAllAsync(_socket.Over).ConfigureAwait(false))
            {
                if (work.Text.Length > 0)
                    await SpeakAsync(work).ConfigureAwait(false);
                lock (_gate)
                {
                    if (work.Last)
                        _socket.SendClose(1000, "");
                    else if (work.Generation == _generation)
                        _socket.Send(new() { ["type"] = "Flushed", ["sequence_id"] = _sequence++ });
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The client is gone.
        }
        catch (SpeechPartsMissingException missing)
        {
            _socket.SendClose(1011, missing.Message[..Math.Min(120, missing.Message.Length)]);
        }
    }

    private async Task SpeakAsync(Work work)
    {
        await Task.Delay(_options.SpeakLatency, _options.TimeProvider, _socket.Over).ConfigureAwait(false);
        foreach (var phrase in PhraseSplitter.Split(work.Text))
        {
            var pcm = _voice(phrase, _model);
            for (var start = 0; start < pcm.Length; start += PieceMs * 8)
            {
                var piece = pcm.AsMemory(start, Math.Min(PieceMs * 8, pcm.Length - start));
                lock (_gate)
                {
                    if (work.Generation != _generation)
                        return;
                    _socket.SendAudio(_socket.Degraded.Apply(_audio.Encode(piece.Span), _audio.Silence));
                    _socket.Frame();
                }

                await Task.Delay(TimeSpan.FromMilliseconds(PieceMs / _options.OutputSpeed), _options.TimeProvider, _socket.Over).ConfigureAwait(false);
            }
        }
    }

    /// <param name="Last">The client wants to close behind it.</param>
    private sealed record Work(string Text, int Generation, bool Last);
}
