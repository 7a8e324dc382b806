using System.Buffers.Text;
using Kraliki.LocalSpeech;
using Kraliki.Voice.Audio;

namespace Kraliki.Voice.Calls;

/// <summary>Our own ear on the caller's line: only whether somebody speaks. Not thread-safe.</summary>
/// <remarks>
/// A provider that has gone silent says nothing about the caller either; without an ear of our own, a caller who asks and gets
/// no answer would look like a caller who says nothing. Costs about a microsecond a frame and allocates nothing.
/// </remarks>
internal sealed class CallerVoice
{
    private readonly VoiceActivityDetector _detector = new(new VoiceActivityOptions());

    public bool Speaking => _detector.Speaking;

    /// <summary>Position on the tape where the current or last speech began, ± a frame; -1 before any.</summary>
    public long StartedAt { get; private set; } = -1;

    /// <summary>Length of the sound of the last speech, milliseconds.</summary>
    public long SpokeMs => _detector.SpeechEndMs - _detector.SpeechStartMs;

    /// <param name="base64Mulaw">One frame of 20 ms; anything else is no telephone audio and is left out.</param>
    /// <param name="position">Its position on the tape.</param>
    public VoiceActivity Hear(ReadOnlySpan<byte> base64Mulaw, long position)
    {
        Span<byte> mulaw = stackalloc byte[G711.FrameBytes + 2];
        if (base64Mulaw.Length != 216 || Base64.DecodeFromUtf8(base64Mulaw, mulaw, out _, out int length) != System.Buffers.OperationStatus.Done || length != G711.FrameBytes)
        {
            return VoiceActivity.None;
        }

        Span<short> pcm = stackalloc short[G711.FrameBytes];
        G711.Decode(mulaw[..length], pcm);
        var activity = _detector.Process(pcm);
        if (activity == VoiceActivity.Started)
        {
            StartedAt = position - ((_detector.PositionMs - _detector.SpeechStartMs) / CallerTape.FrameMs);
        }

        return activity;
    }
}
