using System.Buffers.Binary;
using System.Text.Json.Nodes;
using Kraliki.LocalSpeech;

namespace Kraliki.Simulators.OpenAI;

/// <summary>One of the three audio formats of the protocol; all are mono. Speech inside the simulator is PCM16 at 8 kHz.</summary>
internal sealed class AudioFormat
{
    /// <summary>16 bit little-endian at 24 kHz, the only rate there is.</summary>
    public static readonly AudioFormat Pcm = new("audio/pcm", bytesPerMs: 48, null);

    public static readonly AudioFormat Mulaw = new("audio/pcmu", bytesPerMs: 8, Companding.Mulaw);

    public static readonly AudioFormat Alaw = new("audio/pcma", bytesPerMs: 8, Companding.Alaw);

    private readonly Companding? _law;

    private AudioFormat(string type, int bytesPerMs, Companding? law) => (Type, BytesPerMs, _law) = (type, bytesPerMs, law);

    public string Type { get; }

    public int BytesPerMs { get; }

    /// <summary>The byte of which silence is made.</summary>
    public byte Silence => _law?.Encode(0) ?? 0;

    public static AudioFormat? Find(string? type) => type switch
    {
        "audio/pcm" => Pcm,
        "audio/pcmu" => Mulaw,
        "audio/pcma" => Alaw,
        _ => null,
    };

    public JsonObject ToJson() => _law is null ? new() { ["type"] = Type, ["rate"] = 24_000 } : new() { ["type"] = Type };

    /// <summary>For one direction of one stream to 8 kHz; not needed by the companded formats, which are at 8 kHz.</summary>
    public static Resampler Down() => new(24_000, 8_000);

    /// <inheritdoc cref="Down"/>
    public static Resampler Up() => new(8_000, 24_000);

    /// <summary>Whole samples to PCM16 at 8 kHz. The resampler keeps the state of the stream between calls.</summary>
    public short[] Decode(ReadOnlySpan<byte> bytes, Resampler down)
    {
        if (_law is not null)
        {
            var samples = new short[bytes.Length];
            for (var i = 0; i < samples.Length; i++)
                samples[i] = _law.Decode(bytes[i]);
            return samples;
        }

        var wide = new short[bytes.Length / 2];
        for (var i = 0; i < wide.Length; i++)
            wide[i] = BinaryPrimitives.ReadInt16LittleEndian(bytes[(2 * i)..]);
        return down.Process(wide);
    }

    public byte[] Encode(ReadOnlySpan<short> pcm8k, Resampler up)
    {
        if (_law is not null)
        {
            var codes = new byte[pcm8k.Length];
            for (var i = 0; i < codes.Length; i++)
                codes[i] = _law.Encode(pcm8k[i]);
            return codes;
        }

        var wide = up.Process(pcm8k);
        var bytes = new byte[wide.Length * 2];
        for (var i = 0; i < wide.Length; i++)
            BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(2 * i), wide[i]);
        return bytes;
    }
}

/// <summary>
/// G.711, from the definition of its levels: the encoder takes the nearest level, found in a table of all 16 bit samples.
/// Written apart from the product's codec and from the simulated carrier's on purpose: one mistake cannot agree with itself.
/// </summary>
internal sealed class Companding
{
    public static readonly Companding Mulaw = new(MulawLevel);
    public static readonly Companding Alaw = new(AlawLevel);

    private readonly short[] _levels = new short[256];
    private readonly byte[] _codes = new byte[65_536];

    private Companding(Func<int, int> level)
    {
        for (var code = 0; code < 256; code++)
            _levels[code] = (short)level(code);
        var ascending = Enumerable.Range(0, 256).OrderBy(code => _levels[code]).ToArray();
        var nearest = 0;
        for (var sample = short.MinValue; ; sample++)
        {
            while (nearest < 255 && sample > (_levels[ascending[nearest]] + _levels[ascending[nearest + 1]]) / 2)
                nearest++;
            _codes[(ushort)sample] = (byte)ascending[nearest];
            if (sample == short.MaxValue)
                break;
        }
    }

    public short Decode(byte code) => _levels[code];

    public byte Encode(short sample) => _codes[(ushort)sample];

    // ITU-T G.711 table 2: 8 segments that double in step, 16 levels each, all bits inverted on the line.
    private static int MulawLevel(int code)
    {
        var bits = ~code & 0xFF;
        var magnitude = (((((bits & 0x0F) << 1) + 33) << ((bits >> 4) & 7)) - 33) << 2;
        return (bits & 0x80) != 0 ? -magnitude : magnitude;
    }

    // ITU-T G.711 table 1: the first two segments share a step; even bits inverted on the line; set sign bit is positive.
    private static int AlawLevel(int code)
    {
        var bits = code ^ 0x55;
        var segment = (bits >> 4) & 7;
        var mantissa = ((bits & 0x0F) << 1) + 1;
        var magnitude = (segment == 0 ? mantissa : (mantissa + 32) << (segment - 1)) << 3;
        return (bits & 0x80) != 0 ? magnitude : -magnitude;
    }
}
