using System.Buffers.Binary;
using Kraliki.LocalSpeech;
using Kraliki.Simulators.OpenAI;

namespace Kraliki.Simulators.Deepgram;

/// <summary>One direction of audio as the query declares it. Speech inside the simulator is PCM16 at 8 kHz. Keeps the state of its stream.</summary>
internal sealed class WireAudio
{
    private readonly Companding? _law;
    private readonly Resampler? _resampler;

    private WireAudio(Companding? law, int sampleRate, Resampler? resampler) =>
        (_law, SampleRate, _resampler) = (law, sampleRate, resampler);

    public int SampleRate { get; }

    public int BytesPerSample => _law is null ? 2 : 1;

    /// <summary>The byte of which silence is made.</summary>
    public byte Silence => _law?.Encode(0) ?? 0;

    /// <summary>What the client sends; null when the service could not decode it.</summary>
    public static WireAudio? In(string? encoding, string? sampleRate) => Create(encoding, sampleRate, rate => new Resampler(rate, 8_000));

    /// <summary>What the client gets.</summary>
    public static WireAudio? Out(string? encoding, string? sampleRate) => Create(encoding, sampleRate, rate => new Resampler(8_000, rate));

    public short[] Decode(ReadOnlySpan<byte> bytes)
    {
        var samples = new short[bytes.Length / BytesPerSample];
        for (var i = 0; i < samples.Length; i++)
            samples[i] = _law?.Decode(bytes[i]) ?? BinaryPrimitives.ReadInt16LittleEndian(bytes[(2 * i)..]);
        return _resampler?.Process(samples) ?? samples;
    }

    public byte[] Encode(ReadOnlySpan<short> pcm8k)
    {
        var samples = _resampler is null ? pcm8k : _resampler.Process(pcm8k);
        var bytes = new byte[samples.Length * BytesPerSample];
        for (var i = 0; i < samples.Length; i++)
        {
            if (_law is null)
                BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(2 * i), samples[i]);
            else
                bytes[i] = _law.Encode(samples[i]);
        }

        return bytes;
    }

    private static WireAudio? Create(string? encoding, string? sampleRate, Func<int, Resampler> resampler)
    {
        if (!int.TryParse(sampleRate, out var rate) || rate is not (8_000 or 16_000 or 24_000 or 32_000 or 48_000))
            return null;
        Companding? law = encoding switch { "mulaw" => Companding.Mulaw, "alaw" => Companding.Alaw, _ => null };
        return law is null && encoding != "linear16" ? null : new(law, rate, rate == 8_000 ? null : resampler(rate));
    }
}
