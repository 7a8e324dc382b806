using System.Net;
using System.Net.Http.Headers;
using System.Net.WebSockets;
using Kraliki.Simulators;
using Kraliki.Simulators.Chat;
using Kraliki.Simulators.Deepgram;
using Kraliki.Simulators.Gemini;
using Kraliki.Simulators.OpenAI;
using Kraliki.Voice.Tests.Simulators.OpenAI;

namespace Kraliki.Voice.Tests.Simulators;

/// <summary>Several simulators behind one web server, as in demo mode.</summary>
public sealed class SimulatorServerTests : IAsyncLifetime
{
    private SimulatorServer _server = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _server = await SimulatorServer.StartAsync(new(), Cancel);

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Each_simulator_has_a_path_of_its_own_where_the_same_requests_reach_it_alone()
    {
        await using var openAI = await OpenAiSimulator.StartAsync(new() { Host = At("openai"), Keys = ["sk-one"] }, Cancel);
        await using var chat = await ChatSimulator.StartAsync(new() { Host = At("chat"), Keys = ["sk-two"] }, Cancel);
        await using var gemini = await GeminiSimulator.StartAsync(new() { Host = At("gemini"), Keys = ["g"] }, Cancel);
        await using var deepgram = await DeepgramSimulator.StartAsync(new() { Host = At("deepgram"), Keys = ["dg"] }, Cancel);

        Assert.Equal($"{_server.Url}openai/v1", openAI.BaseUrl.AbsoluteUri);
        Assert.Equal(HttpStatusCode.OK, await AskAsync($"{openAI.BaseUrl}/models", "Bearer sk-one"));
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync($"{openAI.BaseUrl}/models", "Bearer sk-two"));
        Assert.Equal(HttpStatusCode.OK, await AskAsync($"{chat.BaseUrl}/models", "Bearer sk-two"));
        Assert.Equal(HttpStatusCode.OK, await AskAsync($"{deepgram.BaseUrl}v1/projects", "Token dg"));
        Assert.Equal(HttpStatusCode.OK, await AskAsync($"{gemini.BaseUrl}v1beta/models?key=g"));

        // As the official SDK writes it.
        Assert.Equal(HttpStatusCode.OK, await AskAsync($"{gemini.BaseUrl}/v1beta/models?key=g"));
        Assert.Equal(HttpStatusCode.NotFound, await AskAsync($"{_server.Url}v1/models", "Bearer sk-one"));
    }

    [Fact]
    public async Task A_simulator_that_ends_ends_its_sessions_and_leaves_the_others_alone()
    {
        var openAI = await OpenAiSimulator.StartAsync(new() { Host = At("openai") }, Cancel);
        await using var chat = await ChatSimulator.StartAsync(new() { Host = At("chat") }, Cancel);
        await using var client = await RealtimeClient.ConnectAsync(openAI.BaseUrl);
        await client.ExpectAsync("session.created");

        await openAI.DisposeAsync();

        await Assert.ThrowsAsync<WebSocketException>(() => client.NextAsync());
        Assert.Equal(HttpStatusCode.NotFound, await AskAsync($"{openAI.BaseUrl}/models", "Bearer sk-one"));
        Assert.Equal(HttpStatusCode.OK, await AskAsync($"{chat.BaseUrl}/models", "Bearer sk-one"));
    }

    private SimulatorHostOptions At(string name) => new() { Server = _server, Name = name };

    private static async Task<HttpStatusCode> AskAsync(string url, string? authorization = null)
    {
        using var http = new HttpClient();
        http.DefaultRequestHeaders.Authorization = authorization is null ? null : AuthenticationHeaderValue.Parse(authorization);
        using var answer = await http.GetAsync(new Uri(url), Cancel);
        return answer.StatusCode;
    }
}
