using System.Buffers.Text;
using Kraliki.Voice.Audio;

namespace Kraliki.Voice.Providers.Segmented;

/// <summary>What the ears hear, in a step each. Turns are numbered from 1.</summary>
internal sealed record EarsReports(Action Ready, Action<int> Began, Action<int, string> Partial, Action<int, string, double?> Ended);

/// <summary>Hears with Deepgram's live transcription and finds the caller's turns in it.</summary>
/// <remarks>
/// A turn begins with <c>SpeechStarted</c> or the first words, whichever comes first, and ends with <c>speech_final</c>, or
/// with <c>UtteranceEnd</c> where noise hides the pause. All by the audio's own time: told again faster than it was said, the
/// same turns are found.
/// </remarks>
internal sealed class DeepgramEars(
    DeepgramOptions options, ProviderSetup setup, Mailbox mailbox, EarsReports heard, DeepgramReports reports, TimeProvider time)
    : DeepgramSocket("speech recognition", mailbox, reports, time)
{
    // One second of audio waiting in the socket means that it is not read; frames then wait on the call's tape.
    private const int SocketHighWater = 50 * 170;

    // Audio without a new word after which a turn is over, whatever the service says. Seconds.
    private const double Patience = 2.5;

    // A pause found so shortly after the beginning is the one before it. Seconds.
    private const double Onset = 0.3;

    // Audio comes all the time. After a second without, the caller has hung up and his last words are wanted; the socket
    // itself closes after 10 s without a message.
    private static readonly TimeSpan Watch = TimeSpan.FromMilliseconds(500);
    private const int QuietTicksToFinalize = 2;
    private const int QuietTicksToKeepAlive = 8;

    private static readonly byte[] KeepAlive = """{"type":"KeepAlive"}"""u8.ToArray();
    private static readonly byte[] Finalize = """{"type":"Finalize"}"""u8.ToArray();
    private static readonly byte[] CloseStream = """{"type":"CloseStream"}"""u8.ToArray();

    private readonly TimeProvider _time = time;
    private ITimer? _watch;
    private int _quietTicks;
    private long _bytes;
    private int _turn;
    private bool _open;
    private double _startedAt;
    private double _activeAt;
    private string _settled = "";
    private string _guess = "";
    private double _confidence;

    /// <summary>The caller is in the middle of a turn.</summary>
    public bool CallerSpeaking => _open;

    public string Model => options.ListenModel;

    public double SecondsHeard => Interlocked.Read(ref _bytes) / (G711.BytesPerMs * 1000.0);

    public void Start()
    {
        string language = Uri.EscapeDataString(setup.Language ?? options.Language);
        Connect(
            options.BaseUrl,
            options.ApiKey,
            $"v1/listen?model={Uri.EscapeDataString(options.ListenModel)}&language={language}&encoding=mulaw&sample_rate=8000&channels=1"
            + $"&interim_results=true&smart_format=true&vad_events=true&endpointing={options.SilenceMs}&utterance_end_ms=1000",
            setup);
    }

    /// <summary>Caller audio in base64, from any thread.</summary>
    /// <returns>False: not taken.</returns>
    public bool Hear(ReadOnlySpan<byte> base64Mulaw)
    {
        if (Ended)
        {
            // Offered again and again, it would keep the tape from moving on.
            return true;
        }

        if (Socket is not { } socket || socket.QueuedBytes > SocketHighWater)
        {
            return false;
        }

        // Whole groups of 4 characters; a frame of 20 ms is one piece.
        Span<byte> mulaw = stackalloc byte[384];
        while (base64Mulaw.Length > 0)
        {
            var piece = base64Mulaw[..Math.Min(base64Mulaw.Length, 512)];
            base64Mulaw = base64Mulaw[piece.Length..];

            // An empty message would end the stream (protocol §1); what is no base64 is left out.
            if (Base64.DecodeFromUtf8(piece, mulaw, out _, out int length) == System.Buffers.OperationStatus.Done && length > 0)
            {
                socket.SendBinary(mulaw[..length]);
                Interlocked.Add(ref _bytes, length);
            }
        }

        Volatile.Write(ref _quietTicks, 0);
        return true;
    }

    public override void Close()
    {
        _watch?.Dispose();
        Socket?.Send(CloseStream);
        base.Close();
    }

    protected override void OnOpen()
    {
        _watch ??= _time.CreateTimer(_ => Mailbox.Post(OnWatch), null, Watch, Watch);
        heard.Ready();
    }

    protected override void OnMessage(DeepgramMessage message)
    {
        switch (message.Type)
        {
            case "SpeechStarted":
                Begin(message.Timestamp);
                _activeAt = Math.Max(_activeAt, message.Timestamp);
                break;

            case "Results":
                OnResults(message);
                break;

            case "UtteranceEnd" when _open && Words.Length > 0:
                End();
                break;

            case "Error":
                Reports.Notice(message.Code ?? "error", message.Description ?? "Deepgram's speech recognition reported an error without a message.");
                break;
        }
    }

    private string Words => $"{_settled} {_guess}".Trim();

    private void OnResults(DeepgramMessage message)
    {
        var (text, confidence) = message.Best();
        double heardTo = message.Start + message.Duration;
        if (text.Length > 0)
        {
            Begin(message.Start);
            _activeAt = heardTo;
        }

        if (!_open)
        {
            return;
        }

        if (message.IsFinal)
        {
            if (text.Length > 0)
            {
                // By length: a long span says more about the turn than a short one.
                _confidence = ((_confidence * _settled.Length) + (confidence * text.Length)) / (_settled.Length + text.Length);
            }

            _settled = $"{_settled} {text}".Trim();
            _guess = "";
        }
        else
        {
            _guess = text;
        }

        if (text.Length > 0)
        {
            heard.Partial(_turn, Words);
        }

        bool paused = message.SpeechFinal && (Words.Length > 0 || heardTo > _startedAt + Onset);
        if (paused || message.FromFinalize || heardTo - _activeAt >= Patience)
        {
            End();
        }
    }

    private void Begin(double at)
    {
        if (!_open)
        {
            _open = true;
            _turn++;
            (_startedAt, _activeAt, _settled, _guess, _confidence) = (at, at, "", "", 0);
            heard.Began(_turn);
        }
    }

    private void End()
    {
        _open = false;
        string words = Words;
        heard.Ended(_turn, words, words.Length > 0 ? Math.Round(_confidence, 3) : null);
    }

    private void OnWatch()
    {
        int quiet = Interlocked.Increment(ref _quietTicks);
        if (quiet == QuietTicksToFinalize && _open)
        {
            Socket?.Send(Finalize);
        }
        else if (quiet % QuietTicksToKeepAlive == 0)
        {
            Socket?.Send(KeepAlive);
        }
    }
}
