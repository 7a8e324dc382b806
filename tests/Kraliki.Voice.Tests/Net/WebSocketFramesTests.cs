using System.Text;
using CsCheck;
using Kraliki.Voice.Net;

namespace Kraliki.Voice.Tests.Net;

public sealed class WebSocketFramesTests
{
    private static byte[] Frame(Opcode opcode, ReadOnlySpan<byte> payload, bool final = true, uint? mask = 0xA1B2C3D4)
    {
        var frame = new byte[FrameWriter.MaxHeader + payload.Length];
        int head = FrameWriter.WriteHeader(frame, opcode, payload.Length, mask);
        payload.CopyTo(frame.AsSpan(head));
        if (mask is { } key)
        {
            FrameReader.Mask(frame.AsSpan(head, payload.Length), key);
        }

        if (!final)
        {
            frame[0] &= 0x7F;
        }

        return frame[..(head + payload.Length)];
    }

    private static (List<string> Delivered, FrameFault Fault) Read(byte[] stream, IEnumerable<int> cuts, int limit = 100_000)
    {
        var delivered = new List<string>();
        var reader = new FrameReader(fromClient: true, limit);
        var copy = stream.ToArray();
        int from = 0;
        foreach (int cut in cuts.Append(stream.Length))
        {
            var fault = reader.Feed(copy.AsSpan(from, cut - from), (opcode, payload) => delivered.Add($"{opcode}:{Convert.ToHexString(payload)}"));
            if (fault != FrameFault.None)
            {
                return (delivered, fault);
            }

            from = cut;
        }

        return (delivered, FrameFault.None);
    }

    private static byte[] RecordedStream()
    {
        var media = Encoding.UTF8.GetBytes($$$"""{"event":"media","media":{"payload":"{{{Convert.ToBase64String(new byte[160])}}}"}}""");
        return
        [
            .. Frame(Opcode.Text, """{"event":"connected"}"""u8),
            .. Frame(Opcode.Text, media),
            .. Frame(Opcode.Ping, "hello"u8),
            .. Frame(Opcode.Text, "{\"event\":"u8, final: false),
            .. Frame(Opcode.Ping, ""u8),
            .. Frame(Opcode.Continuation, "\"stop\""u8, final: false),
            .. Frame(Opcode.Continuation, "}"u8),
            .. Frame(Opcode.Binary, new byte[70_000]),
            .. Frame(Opcode.Close, [0x03, 0xE8]),
        ];
    }

    [Fact]
    public void A_stream_cut_in_two_at_any_byte_gives_the_same_messages()
    {
        var stream = RecordedStream();
        var whole = Read(stream, []).Delivered;
        Assert.Equal(7, whole.Count);
        Assert.Equal($"Text:{Convert.ToHexString("{\"event\":\"stop\"}"u8)}", whole[4]);

        for (int cut = 1; cut < stream.Length; cut += cut is > 700 and < 70_000 ? 997 : 1)
        {
            Assert.Equal(whole, Read(stream, [cut]).Delivered);
        }
    }

    [Fact]
    public void A_stream_cut_anyhow_gives_the_same_messages()
    {
        var stream = RecordedStream()[..900];
        var whole = Read(stream, []).Delivered;
        Gen.Int[1, stream.Length - 1].HashSet[0, 60].Sample(cuts => Assert.Equal(whole, Read(stream, cuts.Order()).Delivered), iter: 500);
    }

    [Fact]
    public void Masking_is_its_own_inverse_at_every_length()
    {
        for (int length = 0; length < 200; length++)
        {
            var payload = Enumerable.Range(0, length).Select(i => (byte)(i * 7)).ToArray();
            var masked = payload.ToArray();
            FrameReader.Mask(masked, 0x01020304);
            for (int i = 0; i < length; i++)
            {
                Assert.Equal((byte)(payload[i] ^ (byte)(4 - (i % 4))), masked[i]);
            }

            FrameReader.Mask(masked, 0x01020304);
            Assert.Equal(payload, masked);
        }
    }

    [Theory]
    [InlineData(new byte[] { 0xC1, 0x80, 1, 2, 3, 4 }, 1002)]
    [InlineData(new byte[] { 0x81, 0x00 }, 1002)]
    [InlineData(new byte[] { 0x80, 0x80, 1, 2, 3, 4 }, 1002)]
    [InlineData(new byte[] { 0x09, 0x80, 1, 2, 3, 4 }, 1002)]
    [InlineData(new byte[] { 0x83, 0x80, 1, 2, 3, 4 }, 1002)]
    [InlineData(new byte[] { 0x88, 0x81, 1, 2, 3, 4, 5 }, 1002)]
    [InlineData(new byte[] { 0x89, 0xFE, 0, 126, 1, 2, 3, 4 }, 1002)]
    [InlineData(new byte[] { 0x81, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4 }, 1009)]
    [InlineData(new byte[] { 0x81, 0xFF, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4 }, 1009)]
    public void What_the_protocol_forbids_is_a_fault_and_never_an_allocation(byte[] frame, int closeCode) => Assert.Equal(closeCode, (int)Read(frame, [], 1000).Fault);

    [Fact]
    public void Fragments_together_may_not_pass_the_limit()
    {
        byte[] stream = [.. Frame(Opcode.Text, new byte[600], final: false), .. Frame(Opcode.Continuation, new byte[600])];
        Assert.Equal(FrameFault.TooBig, Read(stream, [], limit: 1000).Fault);
    }

    [Fact]
    public void Fifty_thousand_mutated_streams_crash_nothing()
    {
        var stream = RecordedStream()[..900];
        var random = new Random(20261122);
        for (int round = 0; round < 50_000; round++)
        {
            var mutated = stream.ToArray();
            for (int i = random.Next(1, 6); i > 0; i--)
            {
                mutated[random.Next(mutated.Length)] = (byte)random.Next(256);
            }

            int cut = random.Next(1, mutated.Length);
            Read(mutated, [cut], limit: 4096);
        }
    }
}
