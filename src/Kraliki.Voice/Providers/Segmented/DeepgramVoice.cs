using System.Text.Json;

namespace Kraliki.Voice.Providers.Segmented;

/// <summary>What the voice does, in a step each.</summary>
/// <param name="Began">The audio of these words follows.</param>
/// <param name="Audio">μ-law at 8 kHz.</param>
/// <param name="Spoken">Everything of the answer was spoken.</param>
internal sealed record VoiceReports(Action Ready, Action<string> Began, Mailbox.AudioStep Audio, Action Spoken);

/// <summary>Speaks with Deepgram's Aura, phrase by phrase, one answer at a time. Called in steps.</summary>
/// <remarks>
/// The first phrase is spoken as soon as it is there. What comes while it is being spoken goes together: flushes are limited
/// to 20 in a minute (docs/protocols/deepgram.md §2), and longer texts are intoned better.
/// </remarks>
internal sealed class DeepgramVoice(
    DeepgramOptions options, ProviderSetup setup, Mailbox mailbox, VoiceReports spoken, DeepgramReports reports, TimeProvider time)
    : DeepgramSocket("speech synthesis", mailbox, reports, time)
{
    private const int MostFlushes = 20;

    // The last flushes of a minute are kept for whole answers.
    private const int FlushReserve = 5;
    private const int LongestText = 2_000;

    private static readonly TimeSpan FlushWindow = TimeSpan.FromSeconds(60);
    private static readonly byte[] Flush = """{"type":"Flush"}"""u8.ToArray();
    private static readonly byte[] Clear = """{"type":"Clear"}"""u8.ToArray();

    private readonly TimeProvider _time = time;

    // The phrases of one answer, which is as long as a model may write.
    private readonly List<string> _waiting = [];

    // At most MostFlushes.
    private readonly Queue<long> _flushes = new();
    private ITimer? _later;
    private bool _ready;
    private string? _speaking;
    private bool _began;
    private bool _complete;
    private bool _first = true;
    private int _clearing;
    private bool _strayFlush;

    /// <summary>A model is a voice. An assistant's may be another provider's, who had the call before.</summary>
    public string Model { get; } = setup.Voice is { } wanted && wanted.StartsWith("aura-", StringComparison.Ordinal) ? wanted : options.Voice;

    /// <summary>All that was to be spoken, heard or not: what is billed.</summary>
    public long Characters { get; private set; }

    public void Start() =>
        Connect(options.BaseUrl, options.ApiKey, $"v1/speak?model={Uri.EscapeDataString(Model)}&encoding=mulaw&sample_rate=8000", setup);

    /// <summary>The next phrase of the answer.</summary>
    public void Say(string phrase)
    {
        _waiting.Add(phrase);
        Pump();
    }

    /// <summary>The answer has no more phrases: <see cref="VoiceReports.Spoken"/> follows.</summary>
    public void Complete()
    {
        _complete = true;
        Pump();
    }

    /// <summary>Nothing more of this answer is wanted, spoken or not.</summary>
    public void Stop()
    {
        _waiting.Clear();
        (_complete, _first) = (false, true);
        if (_speaking is not null)
        {
            _speaking = null;
            _clearing++;
            _strayFlush = true;
            Socket?.Send(Clear);
        }
    }

    public override void Close()
    {
        _later?.Dispose();
        base.Close();
    }

    protected override void OnOpen()
    {
        _ready = true;
        _clearing = 0;
        _strayFlush = false;
        spoken.Ready();
        Pump();
    }

    protected override void OnAudio(ReadOnlySpan<byte> audio) => Mailbox.Post(Hear, audio);

    protected override void OnMessage(DeepgramMessage message)
    {
        switch (message.Type)
        {
            case "Flushed" when _clearing == 0 && _speaking is not null:
                if (!_began && _strayFlush)
                {
                    // Of what was cleared: its end may cross our request.
                    _strayFlush = false;
                    break;
                }

                BeginWords();
                _speaking = null;
                Pump();
                break;

            case "Cleared" when _clearing > 0:
                _clearing--;
                break;

            case "Warning":
                Reports.Notice(message.Code ?? "warning", message.Description ?? "Deepgram's speech synthesis gave a warning without a message.");
                break;
        }
    }

    protected override void OnEnd(PartEnd end)
    {
        _ready = false;
        if (end.Idle && _speaking is null)
        {
            // Nobody spoke for long; the next answer wants a socket that is there already.
            Start();
        }
        else
        {
            base.OnEnd(end);
        }
    }

    private void Hear(ReadOnlySpan<byte> audio)
    {
        if (_clearing == 0 && _speaking is not null)
        {
            BeginWords();
            spoken.Audio(audio);
        }
    }

    private void BeginWords()
    {
        if (!_began)
        {
            _began = true;
            _strayFlush = false;
            spoken.Began(_speaking!);
        }
    }

    private void Pump()
    {
        if (!_ready || _speaking is not null)
        {
            return;
        }

        if (_waiting.Count == 0)
        {
            if (_complete)
            {
                (_complete, _first) = (false, true);
                spoken.Spoken();
            }

            return;
        }

        int left = FlushesLeft();
        if (left == 0)
        {
            _later ??= _time.CreateTimer(_ => Mailbox.Post(Pump), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            _later.Change(FlushWindow - _time.GetElapsedTime(_flushes.Peek()), Timeout.InfiniteTimeSpan);
            return;
        }

        if (!_complete && (left <= FlushReserve || (!_first && Length(_waiting) < 80)))
        {
            // More of the answer follows: it goes along.
            return;
        }

        foreach (string phrase in _waiting)
        {
            for (int start = 0; start < phrase.Length; start += LongestText)
            {
                string text = phrase[start..Math.Min(phrase.Length, start + LongestText)];
                Characters += text.Length + 1;
                Socket?.Send(JsonSerializer.SerializeToUtf8Bytes(new SpeakText(text + " "), DeepgramJson.Default.SpeakText));
            }
        }

        Socket?.Send(Flush);
        _flushes.Enqueue(_time.GetTimestamp());
        _speaking = string.Join(' ', _waiting);
        _waiting.Clear();
        (_began, _first) = (false, false);
    }

    private static int Length(List<string> phrases) => phrases.Sum(phrase => phrase.Length);

    private int FlushesLeft()
    {
        while (_flushes.TryPeek(out long oldest) && _time.GetElapsedTime(oldest) >= FlushWindow)
        {
            _flushes.Dequeue();
        }

        return MostFlushes - _flushes.Count;
    }
}
