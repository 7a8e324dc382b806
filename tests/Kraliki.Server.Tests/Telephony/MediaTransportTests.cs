using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using Kraliki.Server.Data;
using Kraliki.Server.Operations;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Kraliki.Server.Tests.Telephony;

public sealed class MediaTransportTests(ServerFixture fixture)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>The door takes the plain path only; a query leads through the web server, as TLS or a reused connection would.</summary>
    [Theory]
    [InlineData("/telephony/twilio/media")]
    [InlineData("/telephony/twilio/media?by=web-server")]
    public async Task A_stream_without_a_token_is_closed_and_audited_whichever_way_it_came(string path)
    {
        string callSid = "CA" + Guid.NewGuid().ToString("N");
        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(new UriBuilder(new Uri(fixture.Server.Url, path)) { Scheme = "ws" }.Uri, Cancel).WaitAsync(Patience, Cancel);
        await SendAsync(socket, """{"event":"connected","protocol":"Call","version":"1.0.0"}""");
        await SendAsync(socket, $$$"""{"event":"start","sequenceNumber":"1","start":{"streamSid":"MZ1","callSid":"{{{callSid}}}","mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},"customParameters":{"token":"guess"}},"streamSid":"MZ1"}""");

        var end = await socket.ReceiveAsync(new byte[1000], Cancel).WaitAsync(Patience, Cancel);
        Assert.Equal(WebSocketMessageType.Close, end.MessageType);

        await using var db = fixture.Server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem();
        var entry = await db.Set<AuditEntry>().AsNoTracking().SingleAsync(entry => entry.Subject == callSid, Cancel);
        Assert.Equal("media_socket_refused", entry.Action);
        Assert.Equal("127.0.0.1", entry.Address);
    }

    [Fact]
    public async Task A_request_in_pieces_reaches_the_web_server_whole()
    {
        using var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(fixture.Server.Url.Host, fixture.Server.Url.Port, Cancel);
        var stream = client.GetStream();
        await stream.WriteAsync("GET /health/li"u8.ToArray(), Cancel);
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"ve HTTP/1.1\r\nHost: {fixture.Server.Url.Authority}\r\nConnection: close\r\n\r\n"), Cancel);
        using var reader = new StreamReader(stream);
        string answer = await reader.ReadToEndAsync(Cancel).WaitAsync(Patience, Cancel);
        Assert.StartsWith("HTTP/1.1 200", answer);
    }

    private static Task SendAsync(ClientWebSocket socket, string message)
        => socket.SendAsync(Encoding.UTF8.GetBytes(message), WebSocketMessageType.Text, true, Cancel);
}
