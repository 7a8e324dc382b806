using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Reflection;
using System.Text;
using System.Text.Json;
using Kraliki.Contracts;
using Kraliki.Server.Hosting;
using Microsoft.Extensions.Logging;

namespace Kraliki.Server.Tests.Telephony;

public sealed class RequestTraceTests(SharedTelephonyServer shared, ServerFixture fixture)
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Webhook_session_log_and_provider_share_one_request_id_and_one_trace()
    {
        using var lines = new ScopedLines();
        await using var server = await TelephonyServer.StartAsync(Cancelled, lines: lines);
        using var carrier = server.Carrier();
        var (stream, session) = await server.TalkAsync(carrier, Cancelled);
        await using var _ = stream;

        var created = Assert.Single(await server.FactsAsync<SessionCreated>(session, Cancelled));
        Assert.Equal(carrier.RequestId, created.RequestId);
        var atProvider = Assert.Single(server.OpenAI.Simulator.Sessions);
        Assert.Equal(carrier.RequestId, atProvider.RequestId);
        Assert.Equal(created.TraceParent!.Split('-')[1], atProvider.TraceParent!.Split('-')[1]);

        await stream.SendAsync("{\"event\":", Cancelled);
        await stream.ClosedAsync(Cancelled);
        await server.UntilAsync(session, SessionState.Failed, Cancelled);
        var ofCall = lines.Lines.Where(line => line.Scope.GetValueOrDefault("session_id") == session.ToString()).ToList();
        Assert.NotEmpty(ofCall);
        Assert.All(ofCall, line => Assert.Equal(
            (carrier.RequestId, created.TraceParent.Split('-')[1]), (line.Scope.GetValueOrDefault("request_id"), line.Scope.GetValueOrDefault("trace_id"))));
    }

    [Fact]
    public async Task A_trace_that_began_elsewhere_goes_on()
    {
        using var client = await fixture.Server.SignInAsync(Cancelled);
        using var request = new HttpRequestMessage(HttpMethod.Post, "api/v1/sessions")
        {
            Content = JsonContent.Create(new CreateSession(), ContractsJson.Default.CreateSession),
        };
        request.Headers.Add("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        request.Headers.Add("X-Request-ID", "elsewhere-1");
        using var answer = await client.SendAsync(request, Cancelled);
        var session = (await answer.Content.ReadFromJsonAsync(ContractsJson.Default.SessionView, Cancelled))!;

        var events = await client.GetFromJsonAsync($"api/v1/sessions/{session.Id}/events", ContractsJson.Default.SessionEventPage, Cancelled);
        var created = Assert.IsType<SessionCreated>(events!.Items[0].Data);
        Assert.Equal("elsewhere-1", created.RequestId);
        Assert.StartsWith("00-0af7651916cd43dd8448eb211c80319c-", created.TraceParent);
        Assert.DoesNotContain("b7ad6b7169203331", created.TraceParent);
    }

    [Fact]
    public async Task A_session_socket_tells_under_which_request_id_it_is_logged()
    {
        using var api = await shared.Server.Sessions.SignInAsync(Cancelled);
        var row = await shared.Server.Sessions.CreateAsync(Cancelled);
        var ticket = await api.IssueTicketAsync(row.Id, Cancelled);
        using var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("X-Request-ID", "socket-1");
        await socket.ConnectAsync(new UriBuilder(shared.Server.Sessions.Url) { Scheme = "ws", Path = $"ws/sessions/{row.Id}" }.Uri, Cancelled);
        await SendAsync($$"""{"type":"identify","ticket":"{{ticket.Ticket}}","after_seq":{{row.LastSeq}}}""");
        await SendAsync("nonsense");

        Assert.IsType<Hello>(await ReadAsync());
        Assert.Equal("socket-1", Assert.IsType<Ready>(await ReadAsync()).RequestId);
        Assert.Equal("socket-1", Assert.IsType<SocketError>(await ReadAsync()).RequestId);

        Task SendAsync(string text) => socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, Cancelled);

        async Task<ServerMessage?> ReadAsync()
        {
            var buffer = new byte[64 * 1024];
            while (true)
            {
                var part = await socket.ReceiveAsync(buffer, Cancelled);

                // Features are told after ready, before or after the error as it happens.
                if (JsonSerializer.Deserialize(buffer.AsSpan(0, part.Count), ContractsJson.Default.ServerMessage) is not FeaturesChanged and var message)
                {
                    return message;
                }
            }
        }
    }

    [Fact]
    public async Task What_a_grain_logs_names_the_request_it_works_for()
    {
        using var lines = new ScopedLines();
        using var loggers = new LoggerFactory([lines]);
        var call = DispatchProxy.Create<IIncomingGrainCallContext, GrainCall>();
        ((GrainCall)call).Work = () => loggers.CreateLogger("grain").Log(LogLevel.Warning, default, "line", null, (line, _) => line);

        new RequestTrace("grain-1", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").Enter();
        await new TracedGrainCalls(loggers).Invoke(call);

        var (_, _, scope) = Assert.Single(lines.Lines);
        Assert.Equal(("grain-1", "0af7651916cd43dd8448eb211c80319c"), (scope["request_id"], scope["trace_id"]));
    }

    public class GrainCall : DispatchProxy
    {
        public Action Work { get; set; } = () => { };

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
        {
            Assert.Equal(nameof(IIncomingGrainCallContext.Invoke), targetMethod!.Name);
            Work();
            return Task.CompletedTask;
        }
    }
}
