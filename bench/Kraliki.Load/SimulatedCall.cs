using System.Buffers.Binary;
using System.Buffers.Text;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Kraliki.Load;

/// <summary>The carrier's side of one call: Twilio Media Streams over a socket that is already upgraded.</summary>
/// <remarks>
/// Every frame of 160 bytes begins with a marker and its sequence number. The echo brings the bytes back in any grouping,
/// so the answer is read as one stream of frames, whatever message carried them.
/// </remarks>
internal sealed class SimulatedCall : Link
{
    private const int FrameBytes = 160;
    private const int NumberedBytes = 9;
    private const int NumberedCharacters = 12;
    private const uint Marker = 0x4B52414C;

    // About 80 s of send times: far more than any answer that still counts takes.
    private const int Remembered = 4096;

    private static readonly byte[] SilenceTail = Encoding.ASCII.GetBytes(
        Convert.ToBase64String([.. new byte[NumberedBytes], .. Enumerable.Repeat((byte)0xFF, FrameBytes - NumberedBytes)])[NumberedCharacters..]);

    private readonly LoadLoop _loop;
    private readonly long[] _sentAt = new long[Remembered];
    private readonly byte[] _frame = new byte[FrameBytes];
    private readonly byte[] _message = new byte[512];
    private readonly byte[] _framed = new byte[WebSocketFrame.MaxHeader + 512];
    private readonly byte[] _mediaTail;
    private readonly string _streamSid;
    private byte[] _decoded = new byte[16 * 1024];
    private int _frameFill;
    private long _sequence = 1;
    private uint _sent;
    private uint _newestBack;

    public SimulatedCall(OpenedCall opened, LoadLoop loop, string accountSid)
        : base(opened.Socket, loop.Epoll, loop.Scratch, client: true)
    {
        _loop = loop;
        _streamSid = opened.StreamSid;
        _mediaTail = Encoding.ASCII.GetBytes($"\"}},\"streamSid\":\"{_streamSid}\"}}");
        Open = true;
        var parameters = string.Join(',', opened.Parameters.Select(p => $"{JsonSerializer.Serialize(p.Name)}:{JsonSerializer.Serialize(p.Value)}"));
        SendText("{\"event\":\"connected\",\"protocol\":\"Call\",\"version\":\"1.0.0\"}"u8);
        SendText(Encoding.UTF8.GetBytes(
            $$$"""{"event":"start","sequenceNumber":"1","start":{"accountSid":"{{{accountSid}}}","streamSid":"{{{_streamSid}}}","callSid":"{{{opened.CallSid}}}","tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},"customParameters":{{{{parameters}}}}},"streamSid":"{{{_streamSid}}}"}"""));
    }

    /// <summary>Sends the next 20 ms. Called 50 times a second on the loop's absolute clock.</summary>
    public void SendFrame()
    {
        if (Closed) return;
        var index = _sent++;
        var message = _message.AsSpan();
        var length = Put(message, "{\"event\":\"media\",\"sequenceNumber\":\""u8);
        length += PutNumber(message[length..], ++_sequence);
        length += Put(message[length..], "\",\"media\":{\"track\":\"inbound\",\"chunk\":\""u8);
        length += PutNumber(message[length..], index + 1L);
        length += Put(message[length..], "\",\"timestamp\":\""u8);
        length += PutNumber(message[length..], index * 20L);
        length += Put(message[length..], "\",\"payload\":\""u8);

        Span<byte> numbered = stackalloc byte[NumberedBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(numbered, Marker);
        BinaryPrimitives.WriteUInt32LittleEndian(numbered[4..], index);
        numbered[8] = 0xFF;
        Base64.EncodeToUtf8(numbered, message[length..], out _, out var written);
        length += written;
        length += Put(message[length..], SilenceTail);
        length += Put(message[length..], _mediaTail);

        var header = WebSocketFrame.WriteHeader(_framed, Opcode.Text, length, masked: true);
        message[..length].CopyTo(_framed.AsSpan(header));
        var now = Stopwatch.GetTimestamp();
        _sentAt[index % Remembered] = now;
        _loop.Tally.Sent(now);
        SendBytes(_framed.AsSpan(0, header + length));
    }

    /// <summary>The caller hangs up: <c>stop</c>, then the socket closes.</summary>
    public void HangUp()
    {
        if (Closed) return;
        SendText(Encoding.ASCII.GetBytes($$$"""{"event":"stop","sequenceNumber":"{{{++_sequence}}}","stop":{},"streamSid":"{{{_streamSid}}}"}"""));
        Close("hung up");
    }

    protected override void OnClosed(string why) => _loop.Tally.CallEnded(why);

    protected override void OnText(Span<byte> message)
    {
        var start = message.IndexOf("\"payload\":\""u8);
        if (start >= 0)
        {
            var text = message[(start + 11)..];
            OnAudio(text[..text.IndexOf((byte)'"')]);
        }
        else if (message.IndexOf("\"mark\""u8) >= 0)
        {
            // The echo comes at the pace of speech, so whatever stands before a mark has been played when it arrives.
            using var json = JsonDocument.Parse(message.ToArray());
            var name = JsonSerializer.Serialize(json.RootElement.GetProperty("mark").GetProperty("name").GetString());
            _loop.Tally.Mark();
            SendText(Encoding.UTF8.GetBytes(
                $$$$"""{"event":"mark","sequenceNumber":"{{{{++_sequence}}}}","streamSid":"{{{{_streamSid}}}}","mark":{"name":{{{{name}}}}}}"""));
        }
        else if (message.IndexOf("\"clear\""u8) >= 0)
        {
            _loop.Tally.Clear();
        }
    }

    private void OnAudio(ReadOnlySpan<byte> base64)
    {
        var now = Stopwatch.GetTimestamp();
        _loop.Tally.AudioMessage(now);
        if (_decoded.Length < base64.Length) _decoded = new byte[base64.Length * 2];
        if (base64.IndexOf((byte)'\\') >= 0)
        {
            // Some JSON writers escape '+' or '/'.
            base64 = Encoding.ASCII.GetBytes(JsonSerializer.Deserialize<string>($"\"{Encoding.ASCII.GetString(base64)}\"")!);
        }

        Base64.DecodeFromUtf8(base64, _decoded, out _, out var count);
        for (var audio = _decoded.AsSpan(0, count); !audio.IsEmpty;)
        {
            var part = audio[..Math.Min(audio.Length, FrameBytes - _frameFill)];
            part.CopyTo(_frame.AsSpan(_frameFill));
            _frameFill += part.Length;
            audio = audio[part.Length..];
            if (_frameFill < FrameBytes) break;

            _frameFill = 0;
            OnFrame(now);
        }
    }

    private void OnFrame(long now)
    {
        var index = BinaryPrimitives.ReadUInt32LittleEndian(_frame.AsSpan(4));
        if (BinaryPrimitives.ReadUInt32LittleEndian(_frame) != Marker || index >= _sent || _sent - index >= Remembered)
        {
            _loop.Tally.Damaged();
            return;
        }

        if (index < _newestBack) _loop.Tally.OutOfOrder();
        _newestBack = index;
        _loop.Tally.Back(_sentAt[index % Remembered], now);
    }

    private static int Put(Span<byte> destination, ReadOnlySpan<byte> text)
    {
        text.CopyTo(destination);
        return text.Length;
    }

    private static int PutNumber(Span<byte> destination, long number)
    {
        number.TryFormat(destination, out var written, default, CultureInfo.InvariantCulture);
        return written;
    }
}
