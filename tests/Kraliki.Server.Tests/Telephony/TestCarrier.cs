using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Xml.Linq;

namespace Kraliki.Server.Tests.Telephony;

/// <summary>One call of a carrier that does what the test says: signed webhooks, and media sockets by <see cref="TestStream"/>.</summary>
internal sealed class TestCarrier(Uri server) : IDisposable
{
    public const string AccountSid = "AC0123456789abcdef0123456789abcdef";
    public const string AuthToken = "fedcba98765432100123456789abcdef";

    private readonly HttpClient _http = new(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false }) { BaseAddress = server };

    public static IReadOnlyDictionary<string, string> Settings { get; } = new Dictionary<string, string>
    {
        ["Kraliki:Carriers:Twilio:AccountSid"] = AccountSid,
        ["Kraliki:Carriers:Twilio:AuthToken"] = AuthToken,

        // Nobody listens there: who tests REST brings an address of his own.
        ["Kraliki:Carriers:Twilio:BaseUrl"] = "http://127.0.0.1:9",
    };

    public string CallSid { get; init; } = $"CA{Guid.NewGuid():N}";

    /// <summary>The last request's <c>X-Request-ID</c>, by which its audit entry is found.</summary>
    public string RequestId { get; private set; } = "";

    /// <param name="path">Without a leading slash.</param>
    /// <param name="sign">Makes the signature from URL and fields; null signs as Twilio does.</param>
    public async Task<HttpResponseMessage> PostAsync(
        string path,
        CancellationToken cancellationToken,
        IReadOnlyDictionary<string, string>? fields = null,
        Func<string, IReadOnlyDictionary<string, string>, string?>? sign = null)
    {
        var form = new Dictionary<string, string>
        {
            ["AccountSid"] = AccountSid,
            ["CallSid"] = CallSid,
            ["CallStatus"] = "ringing",
            ["From"] = "+420226259221",
            ["To"] = "+12025550100",
        };
        foreach (var (name, value) in fields ?? new Dictionary<string, string>())
        {
            form[name] = value;
        }

        using var content = new FormUrlEncodedContent(form);
        return await PostAsync(path, content, (sign ?? Sign)(new Uri(server, path).AbsoluteUri, form), cancellationToken);
    }

    public async Task<HttpResponseMessage> PostAsync(string path, HttpContent content, string? signature, CancellationToken cancellationToken)
    {
        RequestId = Guid.NewGuid().ToString("N");
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = content };
        request.Headers.Add("X-Request-ID", RequestId);
        if (signature is not null)
        {
            request.Headers.Add("X-Twilio-Signature", signature);
        }

        return await _http.SendAsync(request, cancellationToken);
    }

    /// <summary>The voice webhook.</summary>
    /// <param name="session">Named in the URL; null leaves it to the server.</param>
    public async Task<TwimlAnswer> RingAsync(CancellationToken cancellationToken, Guid? session = null)
    {
        using var answer = await PostAsync($"telephony/twilio/voice{(session is null ? "" : $"?session={session}")}", cancellationToken);
        return await TwimlAnswer.ReadAsync(answer, cancellationToken);
    }

    /// <summary>The webhook for what follows a stream.</summary>
    public async Task<TwimlAnswer> AfterStreamAsync(CancellationToken cancellationToken)
    {
        using var answer = await PostAsync("telephony/twilio/after-stream", cancellationToken, new Dictionary<string, string> { ["CallStatus"] = "in-progress" });
        return await TwimlAnswer.ReadAsync(answer, cancellationToken);
    }

    /// <summary>The webhook for what follows a dialled person.</summary>
    public async Task<TwimlAnswer> AfterDialAsync(string status, CancellationToken cancellationToken)
    {
        using var answer = await PostAsync("telephony/twilio/after-stream?dialled=1", cancellationToken, new Dictionary<string, string> { ["DialCallStatus"] = status });
        return await TwimlAnswer.ReadAsync(answer, cancellationToken);
    }

    public async Task StatusAsync(string status, CancellationToken cancellationToken)
    {
        using var answer = await PostAsync("telephony/twilio/status", cancellationToken, new Dictionary<string, string> { ["CallStatus"] = status });
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
    }

    /// <summary>Rings, opens the media socket and starts the stream.</summary>
    public async Task<TestStream> TalkAsync(CancellationToken cancellationToken, Guid? session = null)
    {
        var answer = await RingAsync(cancellationToken, session);
        return await StreamAsync(answer, cancellationToken);
    }

    public async Task<TestStream> StreamAsync(TwimlAnswer answer, CancellationToken cancellationToken)
    {
        var stream = await TestStream.OpenAsync(answer.StreamUrl, cancellationToken);
        await stream.StartAsync(CallSid, answer.Token, cancellationToken);
        return stream;
    }

    public void Dispose() => _http.Dispose();

    /// <summary>HMAC-SHA1 over the URL and every field sorted by name (Twilio, "Webhooks security").</summary>
    private static string Sign(string url, IReadOnlyDictionary<string, string> fields)
    {
        string data = url + string.Concat(fields.OrderBy(field => field.Key, StringComparer.Ordinal).Select(field => field.Key + field.Value));
        return Convert.ToBase64String(HMACSHA1.HashData(Encoding.UTF8.GetBytes(AuthToken), Encoding.UTF8.GetBytes(data)));
    }
}

/// <summary>A TwiML document that the server answered with.</summary>
internal sealed record TwimlAnswer(XElement Response)
{
    /// <summary>Names of the verbs, in order.</summary>
    public IReadOnlyList<string> Verbs => [.. Response.Elements().Select(verb => verb.Name.LocalName)];

    public Uri StreamUrl => new(Stream.Attribute("url")!.Value);

    public string Token => Stream.Elements("Parameter").Single(parameter => parameter.Attribute("name")!.Value == "token").Attribute("value")!.Value;

    public string? Said => Response.Element("Say")?.Value;

    private XElement Stream => Response.Element("Connect")?.Element("Stream") ?? throw new InvalidOperationException($"There is no stream in {Response}.");

    public static async Task<TwimlAnswer> ReadAsync(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        string body = await answer.Content.ReadAsStringAsync(cancellationToken);
        Assert.True(answer.StatusCode == HttpStatusCode.OK, $"The webhook answered {(int)answer.StatusCode}: {body}");
        Assert.Equal("text/xml", answer.Content.Headers.ContentType?.MediaType);
        return new(XElement.Parse(body));
    }
}
