using System.Text.Json;
using System.Text.Json.Nodes;
using Kraliki.LocalSpeech;
using Kraliki.Simulators.Faults;
using Kraliki.Simulators.OpenAI;

namespace Kraliki.Simulators.Deepgram;

/// <summary>One socket of <c>/v1/listen</c>: audio in, <c>SpeechStarted</c>, <c>Results</c>, <c>UtteranceEnd</c> out.</summary>
/// <remarks>
/// Times are seconds of the audio that came in. The gate is taken inside the ear's events and never around a call of the ear,
/// because the ear reports under a lock of its own.
/// </remarks>
internal sealed class ListenSession : ISocketSession, IDisposable
{
    // Longer utterances are given in two spans, of which only the last ends with speech_final.
    private const double LongestSpan = 3;

    // An empty result about once a second says that the service is listening.
    private const double QuietResults = 1;

    private readonly Lock _gate = new();
    private readonly ListenSettings _settings;
    private readonly WireAudio _audio;
    private readonly SimulatedSocket _socket;
    private readonly string _requestId;
    private readonly TimeSpan _idleTimeout;
    private readonly LiveEar _ear;
    private readonly ITimer _idle;
    private double _clock;
    private double _injected;
    private double _quietSince;
    private double? _utteranceEndAt;
    private double _lastWordEnd = -1;
    // Utterances that are being understood, oldest first: the next is told of when the one before is decided.
    private readonly List<Spoken> _undecided = [];
    private bool _speaking;
    private bool _finalizing;
    private bool _closing;

    public ListenSession(
        ListenSettings settings, WireAudio audio, SimulatedSocket socket, string requestId, RecognizerPool recognizers, DeepgramSimulatorOptions options)
    {
        (_settings, _audio, _socket, _requestId, _idleTimeout) = (settings, audio, socket, requestId, options.IdleTimeout);
        _ear = new LiveEar(recognizers, new VoiceActivityOptions(SilenceMs: settings.EndpointingMs ?? 1_000), OnEar);
        _idle = options.TimeProvider.CreateTimer(
            _ => socket.SendClose(1011, "NET-0001: Deepgram did not receive audio data or a text message within the timeout window."), null, _idleTimeout, Timeout.InfiniteTimeSpan);
    }

    public void OnBinary(ReadOnlySpan<byte> bytes)
    {
        _socket.Frame();
        if (bytes.IsEmpty)
        {
            // Read as the end of the stream.
            CloseStream();
            return;
        }

        _idle.Change(_idleTimeout, Timeout.InfiniteTimeSpan);
        var pcm = _audio.Decode(bytes);
        _ear.Hear(pcm);
        lock (_gate)
        {
            _clock += pcm.Length / 8_000.0;
            Tick();
        }
    }

    public void OnText(ReadOnlySpan<byte> utf8)
    {
        _idle.Change(_idleTimeout, Timeout.InfiniteTimeSpan);
        string? type = null;
        try
        {
            type = SessionSettings.Text((JsonNode.Parse(utf8) as JsonObject)?["type"]);
        }
        catch (JsonException)
        {
            // Answered like any other text that is no command.
        }

        switch (type)
        {
            case "KeepAlive":
                break;
            case "Finalize":
                FinalizeUtterance();
                break;
            case "CloseStream":
                CloseStream();
                break;
            default:
                _socket.SendClose(1008, "DATA-0000: The payload cannot be decoded as audio.");
                return;
        }

        _socket.Handled(type);
    }

    /// <summary>The protocol of this socket has no error message: the service closes.</summary>
    public void InjectError(Fault fault) => _socket.SendClose(1011, $"NET-0000: {fault.Reason ?? "The service had an internal error."}");

    public void Expire() => _socket.SendClose(1011, "NET-0003: The session reached its time limit.");

    public void Dispose()
    {
        _idle.Dispose();
        _ear.Dispose();
    }

    private void OnEar(EarEvent happened)
    {
        lock (_gate)
        {
            switch (happened)
            {
                case EarSpeechStarted started:
                    _speaking = true;
                    _utteranceEndAt = null;
                    _undecided.Add(new(happened.Utterance) { Start = (started.AtMs / 1000.0) - _injected });
                    if (_undecided.Count == 1)
                        Announce();
                    break;
                case EarSpeechStopped stopped:
                    _speaking = false;
                    _undecided.Find(spoken => spoken.Utterance == happened.Utterance)!.End = (stopped.AtMs / 1000.0) - _injected;
                    _quietSince = _clock;
                    break;
                case EarPartial guess when _settings.Interim && _undecided[0].Utterance == guess.Utterance:
                    _socket.Send(Results(Written(guess.Text, whole: false), _undecided[0].Start, _clock, 0.9, isFinal: false, speechFinal: false));
                    break;
                case EarFinal final:
                    _undecided.Find(spoken => spoken.Utterance == happened.Utterance)!.Recognition = final.Recognition;
                    while (_undecided is [{ Recognition: not null } decided, ..])
                    {
                        _undecided.RemoveAt(0);
                        Decide(decided.Start, decided.End, decided.Recognition);
                        Announce();
                    }

                    break;
            }
        }
    }

    private void Announce()
    {
        if (_settings.VadEvents && _undecided is [var next, ..])
            _socket.Send(new() { ["type"] = "SpeechStarted", ["channel"] = new JsonArray(0, 1), ["timestamp"] = Round(next.Start) });
    }

    private void Decide(double start, double end, Recognition recognition)
    {
        var speechFinal = _settings.EndpointingMs is not null;
        var words = recognition.Text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var confidence = recognition.Confidence ?? 0;
        if (end - start > LongestSpan && words.Length > 3)
        {
            var first = words.Length / 2;
            var between = start + ((end - start) * first / words.Length);
            _socket.Send(Results(Written(string.Join(' ', words[..first]), whole: false), start, between, confidence, isFinal: true, speechFinal: false));
            var rest = Written(string.Join(' ', words[first..]), whole: true);
            _socket.Send(Results(char.ToLowerInvariant(rest[0]) + rest[1..], between, end, confidence, isFinal: true, speechFinal));
        }
        else
        {
            _socket.Send(Results(Written(recognition.Text, whole: true), start, end, confidence, isFinal: true, speechFinal));
        }

        if (words.Length > 0)
        {
            _lastWordEnd = end;
            _utteranceEndAt = end + (_settings.UtteranceEndMs / 1000.0);
        }

        _finalizing = false;
        if (_closing && _undecided.Count == 0)
            Finish();
        else
            Tick();
    }

    /// <summary>What becomes due by the audio's own time.</summary>
    private void Tick()
    {
        if (_utteranceEndAt is { } due && _clock >= due && !_speaking)
        {
            _utteranceEndAt = null;
            _socket.Send(new() { ["type"] = "UtteranceEnd", ["channel"] = new JsonArray(0, 1), ["last_word_end"] = Round(_lastWordEnd) });
        }

        if (!_speaking && _undecided.Count == 0 && _clock - _quietSince >= QuietResults)
        {
            if (_settings.Interim)
                _socket.Send(Results("", _quietSince, _clock, 0, isFinal: true, speechFinal: false));
            _quietSince = _clock;
        }
    }

    private void FinalizeUtterance()
    {
        lock (_gate)
        {
            _finalizing = true;
            if (!_speaking && _undecided.Count == 0)
            {
                _socket.Send(Results("", _quietSince, _clock, 0, isFinal: true, speechFinal: false));
                (_finalizing, _quietSince) = (false, _clock);
                return;
            }
        }

        EndSpeech();
    }

    private void CloseStream()
    {
        lock (_gate)
        {
            _closing = true;
            if (_undecided.Count == 0)
            {
                Finish();
                return;
            }
        }

        EndSpeech();
    }

    /// <summary>The ear ends an utterance by silence only.</summary>
    private void EndSpeech()
    {
        if (!_ear.CallerSpeaking)
            return;
        var silence = new short[((_settings.EndpointingMs ?? 1_000) + 40) * 8];
        _ear.Hear(silence);
        lock (_gate)
            _injected += silence.Length / 8_000.0;
    }

    private void Finish()
    {
        _socket.Send(new()
        {
            ["type"] = "Metadata",
            ["transaction_key"] = "deprecated",
            ["request_id"] = _requestId,
            ["sha256"] = new string('0', 64),
            ["created"] = "2026-01-01T00:00:00.000Z",
            ["duration"] = Round(_clock),
            ["channels"] = 1,
        });
        _socket.SendClose(1000, "");
    }

    private JsonObject Results(string transcript, double start, double end, double confidence, bool isFinal, bool speechFinal)
    {
        var words = transcript.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var step = (end - start) / Math.Max(1, words.Length);
        return new()
        {
            ["type"] = "Results",
            ["channel_index"] = new JsonArray(0, 1),
            ["duration"] = Round(end - start),
            ["start"] = Round(start),
            ["is_final"] = isFinal,
            ["speech_final"] = speechFinal,
            ["channel"] = new JsonObject
            {
                ["alternatives"] = new JsonArray(new JsonObject
                {
                    ["transcript"] = transcript,
                    ["confidence"] = confidence,
                    ["words"] = new JsonArray([.. words.Select((word, i) => new JsonObject
                    {
                        ["word"] = word.Trim('.').ToLowerInvariant(),
                        ["start"] = Round(start + (i * step)),
                        ["end"] = Round(start + ((i + 1) * step)),
                        ["confidence"] = confidence,
                        ["punctuated_word"] = word,
                    })]),
                }),
            },
            ["metadata"] = new JsonObject
            {
                ["request_id"] = _requestId,
                ["model_info"] = new JsonObject { ["name"] = $"general-{_settings.Model}", ["version"] = "2025-07-31.0", ["arch"] = _settings.Model },
                ["model_uuid"] = _requestId,
            },
            ["from_finalize"] = isFinal && _finalizing,
        };
    }

    private string Written(string words, bool whole) => !_settings.Punctuated || words.Length == 0
        ? words
        : char.ToUpperInvariant(words[0]) + words[1..] + (whole ? "." : "");

    private static double Round(double seconds) => Math.Round(seconds, 3);

    private sealed class Spoken(int utterance)
    {
        public int Utterance { get; } = utterance;

        public double Start { get; init; }

        public double End { get; set; }

        public Recognition? Recognition { get; set; }
    }
}
