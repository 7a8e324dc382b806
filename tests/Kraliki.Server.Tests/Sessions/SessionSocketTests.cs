using System.Net.WebSockets;
using Kraliki.Contracts;
using Kraliki.Voice.Calls;

namespace Kraliki.Server.Tests.Sessions;

public sealed class SessionSocketTests(SharedSessionServer shared)
{
    private readonly SessionServer _server = shared.Server;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_client_says_who_it_is_and_gets_the_past_and_then_the_present()
    {
        var call = await _server.StartCallAsync(Cancelled);
        var (socket, ready) = await RawSocket.EnterAsync(_server, call.Id, Cancelled);
        using var _ = socket;

        Assert.Equal(SessionState.Active, ready.Session.State);
        Assert.Equal(0, ready.ResumedFrom);
        for (var seq = 1; seq <= ready.LastSeq; seq++)
        {
            Assert.Equal(seq, (await socket.ReceiveAsync<EventMessage>(Cancelled)).Seq);
        }

        call.Sink.Partial(new PartialTranscript("t1", LegRole.Caller, "Good mor", 0));
        Assert.Equal("Good mor", (await socket.ReceiveAsync<PartialTranscript>(Cancelled)).Text);
        call.Say(LegRole.Caller, "Good morning.", "t1");
        var final = await socket.ReceiveAsync<EventMessage>(Cancelled);
        Assert.Equal((ready.LastSeq + 1, "Good morning."), (final.Seq, Assert.IsType<TurnFinished>(final.Data).Text));

        await call.EndAsync(EndReason.CallerHungUp);
        var kinds = new List<string>();
        while (await socket.ReceiveAsync(Cancelled) is EventMessage message)
        {
            kinds.Add(message.Data.GetType().Name);
        }

        Assert.Equal(["MediaEnded", "StateChanged", "StateChanged"], kinds);
        Assert.Equal((WebSocketCloseStatus.NormalClosure, "session_over"), (socket.CloseStatus, socket.CloseReason));
    }

    [Fact]
    public async Task Ping_is_answered_with_its_own_time_and_the_servers()
    {
        var row = await _server.CreateAsync(Cancelled);
        var (socket, _) = await RawSocket.EnterAsync(_server, row.Id, Cancelled);
        using var __ = socket;

        await socket.SendAsync(new Ping(4711), Cancelled);

        var pong = await socket.ReceiveAsync<Pong>(Cancelled);
        Assert.Equal((4711, row.Id), (pong.Timestamp, pong.SessionId));
    }

    [Theory]
    [InlineData("{\"type\":\"identify\",\"ticket\":\"nonsense\"}", "invalid_ticket")]
    [InlineData("{\"type\":\"ping\",\"timestamp\":1}", "not_identified")]
    [InlineData("garbage", "not_identified")]
    public async Task Nobody_gets_in_without_a_ticket(string first, string code)
    {
        var row = await _server.CreateAsync(Cancelled);
        using var socket = await RawSocket.ConnectAsync(_server.SocketUrl(row.Id), Cancelled);

        await socket.SendAsync(first, Cancelled);

        Assert.Equal(code, (await socket.ReceiveEndAsync(Cancelled)).Code);
    }

    [Fact]
    public async Task A_ticket_opens_one_socket_of_its_own_session_once()
    {
        var row = await _server.CreateAsync(Cancelled);
        var other = await _server.CreateAsync(Cancelled);
        var ticket = _server.Ticket(row.Id);

        Assert.Equal("invalid_ticket", await TryAsync(other.Id, _server.Ticket(row.Id)));
        Assert.Null(await TryAsync(row.Id, ticket));
        Assert.Equal("invalid_ticket", await TryAsync(row.Id, ticket));

        async Task<string?> TryAsync(Guid session, string with)
        {
            using var socket = await RawSocket.ConnectAsync(_server.SocketUrl(session), Cancelled);
            await socket.ReceiveAsync<Hello>(Cancelled);
            await socket.SendAsync(new Identify(with), Cancelled);
            return await socket.ReceiveAsync(Cancelled) is SocketError error ? error.Code : null;
        }
    }

    [Theory]
    [InlineData("{oops", "invalid_json")]
    [InlineData("[1]", "invalid_json")]
    [InlineData("{\"type\":\"dance\"}", "unknown_type")]
    [InlineData("{\"text\":\"hi\"}", "unknown_type")]
    [InlineData("{\"type\":\"\\ud800\"}", "invalid_message")]
    [InlineData("{\"type\":\"text\",\"text\":\"\\ud800\"}", "invalid_message")]
    [InlineData("{\"type\":\"text\",\"text\":5}", "invalid_message")]
    [InlineData("{\"type\":\"text\",\"text\":\"  \"}", "invalid_message")]
    [InlineData("{\"type\":\"text\",\"text\":\"hi\"}", "no_call")]
    [InlineData("{\"type\":\"function_result\",\"call_id\":\"c\",\"output\":\"{}\"}", "no_call")]
    [InlineData("{\"type\":\"suggestion-action\",\"suggestion_id\":\"s\",\"action\":\"accept\"}", "unknown_suggestion")]
    [InlineData("{\"type\":\"identify\",\"ticket\":\"again\"}", "already_identified")]
    public async Task A_message_that_makes_no_sense_is_explained_and_the_socket_stays_open(string message, string code)
    {
        var row = await _server.CreateAsync(Cancelled);
        var (socket, _) = await RawSocket.EnterAsync(_server, row.Id, Cancelled);
        using var __ = socket;

        await socket.SendAsync(message, Cancelled);
        var error = await socket.ReceiveAsync<SocketError>(Cancelled);
        await socket.SendAsync(new Ping(1), Cancelled);

        Assert.Equal((code, false), (error.Code, error.Fatal));
        await socket.ReceiveAsync<Pong>(Cancelled);
    }

    [Fact]
    public async Task An_oversized_message_and_a_flood_are_cut_off_with_the_reason()
    {
        var row = await _server.CreateAsync(Cancelled);
        var (large, _) = await RawSocket.EnterAsync(_server, row.Id, Cancelled);
        using (large)
        {
            await large.SendAsync(new string('x', 64 * 1024 + 1), Cancelled);
            Assert.Equal("message_too_large", (await large.ReceiveEndAsync(Cancelled)).Code);
            Assert.Equal(WebSocketCloseStatus.MessageTooBig, large.CloseStatus);
        }

        var (many, _) = await RawSocket.EnterAsync(_server, row.Id, Cancelled);
        using (many)
        {
            var flood = Task.Run(
                async () =>
                {
                    for (var i = 0; i < _server.Limits.SocketMessagesPerWindow + 10; i++)
                    {
                        await many.SendAsync(new Ping(i), Cancelled);
                    }
                },
                Cancelled);
            Assert.Contains((await many.ReceiveEndAsync(Cancelled)).Code, new List<string> { "rate_limited", "too_slow" });
            await flood;
        }
    }

    [Fact]
    public async Task A_page_of_another_site_cannot_connect()
    {
        var row = await _server.CreateAsync(Cancelled);

        var refusal = await Assert.ThrowsAsync<WebSocketException>(() => RawSocket.ConnectAsync(_server.SocketUrl(row.Id), Cancelled, "https://evil.example"));
        Assert.Contains("403", refusal.Message, StringComparison.Ordinal);
        using var ours = await RawSocket.ConnectAsync(_server.SocketUrl(row.Id), Cancelled, _server.Url.GetLeftPart(UriPartial.Authority));
        await ours.ReceiveAsync<Hello>(Cancelled);
    }

    [Fact]
    public async Task Operators_steer_the_call_and_viewers_do_not()
    {
        var call = await _server.StartCallAsync(Cancelled);
        var (viewer, _) = await RawSocket.EnterAsync(_server, call.Id, Cancelled, maySteer: false);
        var (operatorSocket, _) = await RawSocket.EnterAsync(_server, call.Id, Cancelled);
        using var _1 = viewer;
        using var _2 = operatorSocket;

        await viewer.SendAsync(new TextMessage("Give him a discount."), Cancelled);
        Assert.Equal("forbidden", (await viewer.ReceiveAsync<SocketError>(Cancelled)).Code);

        await operatorSocket.SendAsync(new TextMessage("Ask for the order number."), Cancelled);
        Assert.Equal(new InstructProvider("Ask for the order number."), await call.CommandAsync(Cancelled));
        OperatorText? seen = null;
        while (seen is null)
        {
            seen = (await viewer.ReceiveAsync<EventMessage>(Cancelled)).Data as OperatorText;
        }

        Assert.Equal(new OperatorText("Ask for the order number.", "operator@test.example"), seen);
        await operatorSocket.SendAsync(new FunctionResult("c1", "{}"), Cancelled);
        Assert.Equal(new ProvideToolResult("c1", "{}"), await call.CommandAsync(Cancelled));
        await call.EndAsync(EndReason.CallerHungUp);
    }

    [Fact]
    public async Task Audio_comes_to_those_who_listen_and_the_call_makes_none_otherwise()
    {
        var call = await _server.StartCallAsync(Cancelled);
        Assert.False(call.Listening);
        var (socket, _) = await RawSocket.EnterAsync(_server, call.Id, Cancelled);
        using var _1 = socket;

        await socket.SendAsync(new Listen(true), Cancelled);
        await RoundTripAsync(socket);
        Assert.True(call.Listening);
        call.Sink.Audio(LegRole.Ai, AudioFrameKind.Mulaw, 1_234, [1, 2, 3]);
        call.Sink.Audio(LegRole.Ai, AudioFrameKind.Flush, 1_254, []);
        while (socket.Audio.LastOrDefault() is not [_, (byte)AudioFrameKind.Flush, ..])
        {
            await RoundTripAsync(socket);
        }

        if (socket.Audio.Count == 2)
        {
            Assert.True(AudioFrameHeader.TryRead(socket.Audio[0], out var header));
            Assert.Equal(new AudioFrameHeader(LegRole.Ai, AudioFrameKind.Mulaw, 1_234), header);
            Assert.Equal([1, 2, 3], socket.Audio[0][AudioFrameHeader.Size..]);
        }

        await socket.SendAsync(new Listen(false), Cancelled);
        await RoundTripAsync(socket);
        Assert.False(call.Listening);
        await call.EndAsync(EndReason.CallerHungUp);

        static async Task RoundTripAsync(RawSocket socket)
        {
            await socket.SendAsync(new Ping(1), Cancelled);
            await socket.ReceiveAsync<Pong>(Cancelled);
        }
    }

    [Fact]
    public async Task A_partial_never_comes_after_the_final_of_its_turn()
    {
        var call = await _server.StartCallAsync(Cancelled);
        var (socket, _) = await RawSocket.EnterAsync(_server, call.Id, Cancelled);
        using var _1 = socket;
        for (var turn = 0; turn < 100; turn++)
        {
            for (var words = 0; words < 5; words++)
            {
                call.Sink.Partial(new PartialTranscript($"t{turn}", LegRole.Caller, $"word {words}", 0));
            }

            call.Say(LegRole.Caller, "final", $"t{turn}");
        }

        var finished = new HashSet<string>();
        while (finished.Count < 100)
        {
            switch (await socket.ReceiveAsync(Cancelled))
            {
                case PartialTranscript partial:
                    Assert.DoesNotContain(partial.TurnId, finished);
                    break;
                case EventMessage { Data: TurnFinished turn }:
                    finished.Add(turn.TurnId);
                    break;
                case null:
                    Assert.Fail($"The socket closed: {socket.CloseReason}.");
                    break;
            }
        }

        await call.EndAsync(EndReason.CallerHungUp);
    }
}
