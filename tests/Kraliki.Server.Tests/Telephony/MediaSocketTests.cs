using System.Net.Sockets;
using System.Text;
using Kraliki.Contracts;
using Kraliki.Server.Tests.Sessions;

namespace Kraliki.Server.Tests.Telephony;

public sealed class MediaSocketTests(SharedTelephonyServer shared)
{
    private const string MediaPath = "/telephony/twilio/media";

    private readonly TelephonyServer _server = shared.Server;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("")]
    [InlineData("made-up")]
    public async Task A_stream_with_a_wrong_token_is_refused_and_audited(string token)
    {
        using var carrier = _server.Carrier();
        var answer = await carrier.RingAsync(Cancelled);
        await using var stream = await TestStream.OpenAsync(answer.StreamUrl, Cancelled);

        await stream.StartAsync(carrier.CallSid, token, Cancelled);

        Assert.Equal(1008, (await stream.ClosedAsync(Cancelled)).Code);
        await _server.UntilRefusedAsync(carrier.CallSid, "The stream's token is unknown.", Cancelled);
    }

    [Fact]
    public async Task A_second_socket_for_one_stream_is_refused_and_the_first_talks_on()
    {
        using var carrier = _server.Carrier();
        var answer = await carrier.RingAsync(Cancelled);
        await using var first = await carrier.StreamAsync(answer, Cancelled);
        await first.ReceiveAsync("media", Cancelled);

        await using var second = await carrier.StreamAsync(answer, Cancelled);

        Assert.Equal(1008, (await second.ClosedAsync(Cancelled)).Code);
        await _server.UntilRefusedAsync(carrier.CallSid, "The stream's token is used.", Cancelled);
        await first.SpeakAsync(Cancelled);
        await first.ReceiveAsync("media", Cancelled);
    }

    [Fact]
    public async Task A_token_opens_the_stream_of_its_own_call_only()
    {
        using var carrier = _server.Carrier();
        using var thief = _server.Carrier();
        var answer = await carrier.RingAsync(Cancelled);
        await thief.RingAsync(Cancelled);

        await using var stolen = await thief.StreamAsync(answer, Cancelled);

        Assert.Equal(1008, (await stolen.ClosedAsync(Cancelled)).Code);
        await _server.UntilRefusedAsync(thief.CallSid, "The stream's token is unknown.", Cancelled);
        await using var own = await carrier.StreamAsync(answer, Cancelled);
        await own.ReceiveAsync("media", Cancelled);
    }

    [Fact]
    public async Task Garbage_ends_the_call_with_a_reason_and_an_audit_entry()
    {
        using var carrier = _server.Carrier();
        var (stream, session) = await _server.TalkAsync(carrier, Cancelled);
        await using var _ = stream;

        await stream.SendAsync("{\"event\":", Cancelled);

        Assert.Equal((1008, "The carrier sent a message that we do not understand: not JSON."), await stream.ClosedAsync(Cancelled));
        var row = await _server.UntilAsync(session, SessionState.Failed, Cancelled);
        Assert.Equal(EndReason.TalkCarrierProtocolError, row.EndReason);
        Assert.Equal(["Say", "Hangup"], (await carrier.AfterStreamAsync(Cancelled)).Verbs);
        await _server.UntilRefusedAsync(session.ToString(), row.EndDetail!, Cancelled);
    }

    [Fact]
    public async Task Audio_before_the_start_is_refused_and_audited()
    {
        using var carrier = _server.Carrier();
        var answer = await carrier.RingAsync(Cancelled);
        await using var stream = await TestStream.OpenAsync(answer.StreamUrl, Cancelled);

        await stream.SpeakUntilClosedAsync(Cancelled);

        Assert.Equal(1008, (await stream.ClosedAsync(Cancelled)).Code);
        await _server.UntilRefusedAsync(MediaPath, "The carrier sent audio before it started a stream.", Cancelled);
    }

    [Fact]
    public async Task A_message_beyond_the_limit_is_refused_and_audited()
    {
        using var carrier = _server.Carrier();
        var (stream, session) = await _server.TalkAsync(carrier, Cancelled);
        await using var _ = stream;

        await stream.SendAsync(new string(' ', 65 * 1024), Cancelled);

        Assert.Equal(1009, (await stream.ClosedAsync(Cancelled)).Code);
        var row = await _server.UntilAsync(session, SessionState.Failed, Cancelled);
        Assert.Equal((EndReason.TalkCarrierProtocolError, "The carrier sent something that is not a valid WebSocket message (message too big)."), (row.EndReason!.Value, row.EndDetail));
        await _server.UntilRefusedAsync(session.ToString(), row.EndDetail!, Cancelled);
    }

    [Fact]
    public async Task A_client_that_does_not_mask_its_frames_is_refused_and_audited()
    {
        using var client = new TcpClient();
        await client.ConnectAsync(_server.Sessions.Url.Host, _server.Sessions.Url.Port, Cancelled);
        var connection = client.GetStream();
        await connection.WriteAsync(Encoding.ASCII.GetBytes(
            $"GET /telephony/twilio/media HTTP/1.1\r\nHost: {_server.Sessions.Url.Authority}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + $"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"), Cancelled);

        // FIN and text, two bytes, no mask bit (RFC 6455 §5.1: a server must fail such a connection).
        await connection.WriteAsync(new byte[] { 0x81, 0x02, (byte)'{', (byte)'}' }, Cancelled);
        string answer = await ReadToEndAsync(connection);

        Assert.Contains("101 Switching Protocols", answer, StringComparison.Ordinal);
        Assert.Contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", answer, StringComparison.Ordinal);
        Assert.Contains("\u0003\u00EA", answer, StringComparison.Ordinal);
        await _server.UntilRefusedAsync(MediaPath, "The carrier sent something that is not a valid WebSocket message (not a valid WebSocket frame).", Cancelled);
    }

    [Fact]
    public async Task A_socket_that_starts_no_stream_is_closed_and_audited()
    {
        using var carrier = _server.Carrier();
        var answer = await carrier.RingAsync(Cancelled);
        await using var stream = await TestStream.OpenAsync(answer.StreamUrl, Cancelled);

        Assert.Equal((1000, "The carrier opened a socket and started no stream."), await stream.ClosedAsync(Cancelled));
        await _server.UntilRefusedAsync(MediaPath, "The carrier opened a socket and started no stream.", Cancelled);
    }

    [Fact]
    public async Task What_is_no_websocket_is_told_so()
    {
        using var http = _server.Sessions.Host.Anonymous();

        using var answer = await http.GetAsync("telephony/twilio/media", Cancelled);

        Assert.Equal(System.Net.HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("WebSocket", await answer.Content.ReadAsStringAsync(Cancelled), StringComparison.Ordinal);
    }

    private static async Task<string> ReadToEndAsync(NetworkStream connection)
    {
        var everything = new StringBuilder();
        byte[] buffer = new byte[4096];
        int read;
        while ((read = await connection.ReadAsync(buffer, Cancelled).AsTask().WaitAsync(SessionServer.Patience, Cancelled)) > 0)
        {
            everything.Append(Encoding.Latin1.GetString(buffer, 0, read));
        }

        return everything.ToString();
    }
}
