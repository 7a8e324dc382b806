using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Xml.Linq;

namespace Kraliki.Load;

/// <summary>A media socket that the server has accepted, ready for the carrier's first message.</summary>
internal sealed record OpenedCall(Socket Socket, string CallSid, string StreamSid, IReadOnlyList<(string Name, string Value)> Parameters);

/// <summary>Rings at the server as the carrier does: signed voice webhook, TwiML, media socket.</summary>
internal sealed class CallOpener(LoadOptions options) : IDisposable
{
    private const string VoicePath = "/telephony/twilio/voice";

    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(15) };

    public async Task<OpenedCall> OpenAsync(int number, CancellationToken cancel)
    {
        var callSid = $"CA{number:x8}{Guid.NewGuid():N}"[..34];
        Dictionary<string, string> form = new()
        {
            ["AccountSid"] = options.AccountSid,
            ["ApiVersion"] = "2010-04-01",
            ["CallSid"] = callSid,
            ["CallStatus"] = "ringing",
            ["Direction"] = "inbound",
            ["From"] = $"+1555{number:D7}",
            ["To"] = "+15550000000",
        };
        using var request = new HttpRequestMessage(HttpMethod.Post, options.Server + VoicePath) { Content = new FormUrlEncodedContent(form) };
        request.Headers.Add("X-Twilio-Signature", Sign((options.PublicUrl ?? options.Server) + VoicePath, form));
        request.Headers.Add("I-Twilio-Idempotency-Token", Guid.NewGuid().ToString());
        using var response = await _http.SendAsync(request, cancel);
        var body = await response.Content.ReadAsStringAsync(cancel);
        if (!response.IsSuccessStatusCode) throw new InvalidOperationException($"The voice webhook answered {(int)response.StatusCode}: {body}");

        var stream = XDocument.Parse(body).Descendants("Stream").FirstOrDefault()
            ?? throw new InvalidOperationException("The voice webhook answered without a <Stream>: " + body);
        var url = new Uri(stream.Attribute("url")!.Value);
        if (url.Scheme != "ws") throw new InvalidOperationException($"The load tool speaks plain ws://, the stream is at {url}.");

        var parameters = stream.Elements("Parameter").Select(p => (p.Attribute("name")!.Value, p.Attribute("value")!.Value)).ToList();
        return new OpenedCall(Upgrade(url), callSid, "MZ" + callSid[2..], parameters);
    }

    public void Dispose() => _http.Dispose();

    // Synchronous on purpose: an async socket method would hand the socket to the runtime's own readiness engine (see Epoll).
    private Socket Upgrade(Uri url)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = 10_000 };
        try
        {
            socket.Connect(url.Host, url.Port);
            var key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(16));
            socket.Send(Encoding.ASCII.GetBytes(
                $"GET {url.PathAndQuery} HTTP/1.1\r\nHost: {url.Authority}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                + $"Sec-WebSocket-Key: {key}\r\nX-Twilio-Signature: {Sign(url.ToString(), [])}\r\nUser-Agent: Kraliki.Load\r\n\r\n"));

            // The server does not speak before the carrier's first message, so the answer is all that there is to read.
            var buffer = new byte[8192];
            var length = 0;
            while (buffer.AsSpan(0, length).IndexOf("\r\n\r\n"u8) < 0)
            {
                var count = socket.Receive(buffer.AsSpan(length));
                if (count == 0) throw new InvalidOperationException("The media socket was closed during the handshake.");
                length += count;
            }

            var answer = Encoding.ASCII.GetString(buffer, 0, length);
            if (!answer.StartsWith("HTTP/1.1 101", StringComparison.Ordinal)) throw new InvalidOperationException("The media socket was refused: " + answer);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>X-Twilio-Signature: HMAC-SHA1 over the URL and the form's fields sorted by name, name and value without separators.</summary>
    private string Sign(string url, Dictionary<string, string> form)
    {
        var data = url + string.Concat(form.OrderBy(field => field.Key, StringComparer.Ordinal).Select(field => field.Key + field.Value));
#pragma warning disable CA5350 // SHA-1 is what the carrier signs with.
        return Convert.ToBase64String(HMACSHA1.HashData(Encoding.UTF8.GetBytes(options.AuthToken), Encoding.UTF8.GetBytes(data)));
#pragma warning restore CA5350
    }
}
