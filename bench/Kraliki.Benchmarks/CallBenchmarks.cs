using BenchmarkDotNet.Attributes;
using Kraliki.Voice.Audio;

namespace Kraliki.Benchmarks;

/// <summary>What 20 ms of a call cost between the sockets. Budget: 0 bytes; nanoseconds are recorded in docs/performance.md.</summary>
[MemoryDiagnoser]
public class CallBenchmarks
{
    private readonly FramePath _path = new();
    private readonly byte[] _mulaw = [.. Enumerable.Range(0, 160).Select(i => (byte)(i * 7))];
    private readonly short[] _pcm = [.. Enumerable.Range(0, 160).Select(i => (short)(Math.Sin(i / 5.0) * 20000))];

    [Benchmark(Description = "caller frame in, provider bytes out")]
    public void CallerFrame() => _path.CallerFrame();

    [Benchmark(Description = "provider delta in, carrier bytes out, a mark every 200 ms")]
    public void AnswerFrame() => _path.AnswerFrame();

    [Benchmark(Description = "G.711 decode, 160 samples")]
    public void Decode() => G711.Decode(_mulaw, _pcm);

    [Benchmark(Description = "G.711 encode, 160 samples")]
    public void Encode() => G711.Encode(_pcm, _mulaw);

    [Benchmark(Description = "G.711 peak (meters), 160 samples")]
    public double Peak() => G711.Peak(_mulaw);
}
