using System.Collections.Concurrent;
using System.Net;
using System.Text;

namespace Kraliki.Server.Tests.Client;

/// <summary>Answers requests of the client from a list, without a network.</summary>
internal sealed class ScriptedServer(params Func<HttpRequestMessage, HttpResponseMessage>[] answers) : HttpMessageHandler
{
    private readonly ConcurrentQueue<Func<HttpRequestMessage, HttpResponseMessage>> _answers = new(answers);

    public ConcurrentQueue<string> Requests { get; } = new();

    public static Func<HttpRequestMessage, HttpResponseMessage> Json(string body, HttpStatusCode status = HttpStatusCode.OK) =>
        _ => new HttpResponseMessage(status) { Content = new StringContent(body, Encoding.UTF8, "application/json") };

    public static Func<HttpRequestMessage, HttpResponseMessage> Status(HttpStatusCode status) => _ => new HttpResponseMessage(status);

    public static HttpResponseMessage Unreachable(HttpRequestMessage request) => throw new HttpRequestException("No route to host.");

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        Requests.Enqueue($"{request.Method} {request.RequestUri!.PathAndQuery} {request.Headers.Authorization?.Parameter}".TrimEnd());
        Assert.True(_answers.TryDequeue(out var answer), $"Nobody expected {request.Method} {request.RequestUri}.");
        return Task.FromResult(answer(request));
    }
}
