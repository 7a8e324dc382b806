using System.Buffers;
using System.Buffers.Text;
using Kraliki.LocalSpeech;
using Kraliki.Voice.Audio;
using Kraliki.Voice.Net;

namespace Kraliki.Voice.Providers.Gemini;

/// <summary>Cuts the caller's line into what Gemini calls activities: speech with a little before it, nothing between.</summary>
/// <remarks>
/// Goes by the time of the audio, not by the clock, so a conversation that is told again at once is cut like the first time.
/// Guarded by the connection's gate; allocates nothing per frame.
/// </remarks>
internal sealed class CallerSpeech(int silenceMs)
{
    // What is told of the line before the detector was sure: 300 ms, and the frames that it needed.
    private const int PrefixFrames = 20;
    private const int LongestPiece = 4096;

    private static readonly byte[] AudioHead = "{\"realtimeInput\":{\"audio\":{\"mimeType\":\"audio/pcm;rate=16000\",\"data\":\""u8.ToArray();
    private static readonly byte[] AudioTail = "\"}}}"u8.ToArray();
    private static readonly byte[] Start = "{\"realtimeInput\":{\"activityStart\":{}}}"u8.ToArray();
    private static readonly byte[] End = "{\"realtimeInput\":{\"activityEnd\":{}}}"u8.ToArray();

    private readonly VoiceActivityDetector _detector = new(new VoiceActivityOptions(SilenceMs: silenceMs));
    private readonly Voicing _voicing = new();
    private readonly PcmOutlet _outlet = new(16_000);
    private readonly byte[] _mulaw = new byte[LongestPiece / 4 * 3];
    private readonly short[] _frame = new short[G711.FrameBytes];
    private readonly short[] _prefix = new short[PrefixFrames * G711.FrameBytes];
    private int _frameLength;
    private int _prefixNext;
    private int _prefixCount;

    /// <summary>An activity was begun and not ended. It may hold several utterances.</summary>
    public bool Open { get; private set; }

    public bool Speaking => _detector.Speaking;

    /// <summary>The last sound may have been a word; a cough or a breath has no voice in it.</summary>
    public bool Voiced => _voicing.VoicedMs >= Voicing.LeastOfAWordMs;

    /// <summary>Frames of 20 ms that Gemini was told.</summary>
    public long FramesTold { get; private set; }

    /// <summary>Takes audio of any length and sends what is speech.</summary>
    /// <param name="noticed">Called at each beginning and end of speech, after what belongs before it was sent.</param>
    public void Hear(ReadOnlySpan<byte> base64Mulaw, MediaSocket socket, Action<VoiceActivity> noticed)
    {
        while (base64Mulaw.Length > 0)
        {
            var piece = base64Mulaw[..Math.Min(base64Mulaw.Length, LongestPiece)];
            base64Mulaw = base64Mulaw[piece.Length..];
            if (Base64.DecodeFromUtf8(piece, _mulaw, out _, out int count) != OperationStatus.Done)
            {
                // No telephone audio: refused, it would be offered again and again.
                return;
            }

            foreach (byte sample in _mulaw.AsSpan(0, count))
            {
                _frame[_frameLength++] = G711.Decode(sample);
                if (_frameLength == _frame.Length)
                {
                    _frameLength = 0;
                    HearFrame(socket, noticed);
                }
            }
        }
    }

    /// <summary>The turn is Gemini's now.</summary>
    public void EndActivity(MediaSocket socket)
    {
        Open = false;
        socket.Send(End);
    }

    private void HearFrame(MediaSocket socket, Action<VoiceActivity> noticed)
    {
        var activity = _detector.Process(_frame);
        if (activity == VoiceActivity.None && !_detector.Speaking)
        {
            _frame.CopyTo(_prefix.AsSpan(_prefixNext * G711.FrameBytes));
            _prefixNext = (_prefixNext + 1) % PrefixFrames;
            _prefixCount = Math.Min(_prefixCount + 1, PrefixFrames);
            return;
        }

        if (activity == VoiceActivity.Started)
        {
            if (!Open)
            {
                Open = true;
                socket.Send(Start);
            }

            _voicing.Reset();
            TellPrefix(socket);
        }

        _voicing.Hear(_frame);
        Tell(_frame, socket);
        if (activity != VoiceActivity.None)
        {
            noticed(activity);
        }
    }

    private void TellPrefix(MediaSocket socket)
    {
        _outlet.Reset();
        for (int i = _prefixCount; i > 0; i--)
        {
            int at = (_prefixNext - i + PrefixFrames) % PrefixFrames;
            var frame = _prefix.AsSpan(at * G711.FrameBytes, G711.FrameBytes);
            _voicing.Hear(frame);
            Tell(frame, socket);
        }

        _prefixCount = 0;
    }

    private void Tell(ReadOnlySpan<short> frame, MediaSocket socket)
    {
        FramesTold++;
        socket.Send(AudioHead, _outlet.Convert(frame), AudioTail);
    }
}
