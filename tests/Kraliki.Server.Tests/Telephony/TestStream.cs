using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Kraliki.Server.Tests.Sessions;

namespace Kraliki.Server.Tests.Telephony;

/// <summary>The carrier's end of a media socket. Echoes every mark at once, as if all audio were played the moment it comes.</summary>
internal sealed class TestStream : IAsyncDisposable
{
    // Less than the second that waits toward a provider: more goes on only with the frames that follow, and none follow here.
    public const int FramesPerTurn = 48;

    private readonly ClientWebSocket _socket = new();
    private readonly Channel<JsonNode> _received = Channel.CreateBounded<JsonNode>(100_000);
    private readonly SemaphoreSlim _sending = new(1);
    private Task _reading = Task.CompletedTask;
    private int _timestamp;

    public string StreamSid { get; } = $"MZ{Guid.NewGuid():N}";

    public static async Task<TestStream> OpenAsync(Uri url, CancellationToken cancellationToken)
    {
        var stream = new TestStream();
        await stream._socket.ConnectAsync(url, cancellationToken);
        stream._reading = stream.ReadAsync();
        return stream;
    }

    public async Task StartAsync(string callSid, string token, CancellationToken cancellationToken)
    {
        await SendAsync("""{"event":"connected","protocol":"Call","version":"1.0.0"}""", cancellationToken);
        var start = new JsonObject
        {
            ["accountSid"] = TestCarrier.AccountSid,
            ["streamSid"] = StreamSid,
            ["callSid"] = callSid,
            ["tracks"] = new JsonArray("inbound"),
            ["mediaFormat"] = new JsonObject { ["encoding"] = "audio/x-mulaw", ["sampleRate"] = 8000, ["channels"] = 1 },
            ["customParameters"] = new JsonObject { ["token"] = token },
        };
        await SendAsync(new JsonObject { ["event"] = "start", ["sequenceNumber"] = "1", ["start"] = start, ["streamSid"] = StreamSid }.ToJsonString(), cancellationToken);
    }

    public async Task SendAsync(string text, CancellationToken cancellationToken)
    {
        // Answers to marks come from the reading task.
        await _sending.WaitAsync(cancellationToken);
        try
        {
            await _socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, endOfMessage: true, cancellationToken);
        }
        finally
        {
            _sending.Release();
        }
    }

    /// <summary>A tone that turn detection takes for speech, and then a silence that ends the turn. Faster than real time.</summary>
    /// <param name="more">Frames of tone more than usual.</param>
    public async Task SpeakAsync(CancellationToken cancellationToken, int more = 0)
    {
        for (int frame = 0; frame < FramesPerTurn + more; frame++)
        {
            string payload = Convert.ToBase64String(frame < 20 + more ? TestTone.Frame(frame) : TestTone.SilentFrame);
            await SendAsync($$$"""{"event":"media","streamSid":"{{{StreamSid}}}","media":{"track":"inbound","timestamp":"{{{_timestamp += 20}}}","payload":"{{{payload}}}"}}""", cancellationToken);
        }
    }

    /// <summary>As <see cref="SpeakAsync"/>, to a server that will not have it.</summary>
    public async Task SpeakUntilClosedAsync(CancellationToken cancellationToken)
    {
        try
        {
            await SpeakAsync(cancellationToken);
        }
        catch (WebSocketException)
        {
            // Closed in the middle, as it should be; or a moment later.
        }
    }

    public Task PressAsync(char digit, CancellationToken cancellationToken) =>
        SendAsync($$$"""{"event":"dtmf","streamSid":"{{{StreamSid}}}","dtmf":{"track":"inbound_track","digit":"{{{digit}}}"}}""", cancellationToken);

    /// <summary>What the carrier does when the caller hangs up.</summary>
    public async Task HangUpAsync(string callSid, CancellationToken cancellationToken)
    {
        await SendAsync($$$"""{"event":"stop","streamSid":"{{{StreamSid}}}","stop":{"accountSid":"{{{TestCarrier.AccountSid}}}","callSid":"{{{callSid}}}"}}""", cancellationToken);
        await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "", cancellationToken);
    }

    /// <summary>Cuts the connection without a word.</summary>
    public void Abort() => _socket.Abort();

    /// <summary>The next message of this kind: <c>media</c>, <c>mark</c>, <c>clear</c>.</summary>
    public async Task<JsonNode> ReceiveAsync(string kind, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(SessionServer.Patience);
        try
        {
            await foreach (var message in _received.Reader.ReadAllAsync(limit.Token))
            {
                if ((string?)message["event"] == kind)
                {
                    return message;
                }
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"The server sent no {kind}.");
        }

        throw new InvalidOperationException($"The server closed the socket ({(int?)_socket.CloseStatus} {_socket.CloseStatusDescription}) without a {kind}.");
    }

    /// <returns>The server's close code and reason; 1006 when the connection just ended.</returns>
    public async Task<(int Code, string Reason)> ClosedAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _reading.WaitAsync(SessionServer.Patience, cancellationToken);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException("The server did not close the media socket.");
        }

        return ((int?)_socket.CloseStatus ?? 1006, _socket.CloseStatusDescription ?? "");
    }

    public async ValueTask DisposeAsync()
    {
        _socket.Abort();
        await _reading;
        _socket.Dispose();
        _sending.Dispose();
    }

    private async Task ReadAsync()
    {
        byte[] buffer = new byte[1024 * 1024];
        try
        {
            while (true)
            {
                int length = 0;
                ValueWebSocketReceiveResult part;
                do
                {
                    part = await _socket.ReceiveAsync(buffer.AsMemory(length), CancellationToken.None);
                    length += part.Count;
                }
                while (!part.EndOfMessage);

                if (part.MessageType == WebSocketMessageType.Close)
                {
                    break;
                }

                var message = JsonNode.Parse(buffer.AsSpan(0, length))!;
                _received.Writer.TryWrite(message);
                if ((string?)message["event"] == "mark")
                {
                    await SendAsync($$$"""{"event":"mark","streamSid":"{{{StreamSid}}}","mark":{"name":"{{{(string?)message["mark"]!["name"]}}}"}}""", CancellationToken.None);
                }
            }
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException)
        {
            // The connection broke: the close status stays empty and says so.
        }
        finally
        {
            _received.Writer.Complete();
        }
    }
}

/// <summary>440 Hz in G.711 μ-law.</summary>
internal static class TestTone
{
    public static byte[] SilentFrame { get; } = [.. Enumerable.Repeat((byte)0xFF, 160)];

    public static byte[] Frame(int number) => [.. Enumerable.Range(number * 160, 160).Select(at => Encode(Sample(at)))];

    public static short[] Pcm(int ms) => [.. Enumerable.Range(0, 8 * ms).Select(at => (short)Sample(at))];

    private static int Sample(int at) => (int)(9_000 * Math.Sin(2 * Math.PI * 440 * at / 8_000));

    /// <summary>ITU-T G.711: sign, exponent of the biased magnitude, four bits of mantissa, all inverted.</summary>
    private static byte Encode(int sample)
    {
        int magnitude = Math.Min(Math.Abs(sample), 32_635) + 132;
        int exponent = 31 - 7 - System.Numerics.BitOperations.LeadingZeroCount((uint)magnitude);
        return (byte)~((sample < 0 ? 0x80 : 0) | (exponent << 4) | ((magnitude >> (exponent + 3)) & 0x0F));
    }
}
