using System.Net.WebSockets;
using System.Text;
using Kraliki.Simulators.Twilio;

namespace Kraliki.Voice.Tests.Simulators.Twilio;

public sealed class MediaOutboxTests
{
    private readonly StubSocket _socket = new();
    private long _nowMs = 1;

    [Fact]
    public void Messages_go_out_at_once_and_in_order()
    {
        var outbox = new MediaOutbox(_socket, () => _nowMs);

        outbox.Post("a"u8.ToArray());
        outbox.Post("b"u8.ToArray());

        Assert.Equal(["a", "b"], _socket.Sent);
    }

    [Fact]
    public void An_application_that_does_not_read_loses_caller_audio_but_nothing_else()
    {
        var outbox = new MediaOutbox(_socket, () => _nowMs);
        _socket.Block();

        for (var i = 0; i < 300; i++)
            outbox.Post("audio"u8.ToArray(), isAudio: true);
        Assert.True(outbox.Post("mark"u8.ToArray()));
        _socket.Release();

        // One is in the socket's hands and 250 wait.
        Assert.Equal(49, outbox.Dropped);
        Assert.Equal(252, _socket.Sent.Count);
        Assert.Equal("mark", _socket.Sent[^1]);
    }

    [Fact]
    public void Delayed_messages_come_later_and_still_in_order()
    {
        var outbox = new MediaOutbox(_socket, () => _nowMs);
        outbox.Delay(100, messages: 1);
        outbox.Post("late"u8.ToArray());
        outbox.Post("behind it"u8.ToArray());

        _nowMs = 100;
        outbox.Pump();
        Assert.Empty(_socket.Sent);
        _nowMs = 101;
        outbox.Pump();

        Assert.Equal(["late", "behind it"], _socket.Sent);
    }

    [Fact]
    public async Task A_broken_socket_takes_nothing_more_and_keeps_nobody_waiting()
    {
        var outbox = new MediaOutbox(_socket, () => _nowMs);
        _socket.Break();

        outbox.Post("lost"u8.ToArray());

        Assert.False(outbox.Post("more"u8.ToArray()));
        await outbox.DrainedAsync();
    }

    /// <summary>A socket that sends when it is told to.</summary>
    private sealed class StubSocket : WebSocket
    {
        private TaskCompletionSource? _blocked;
        private bool _broken;

        public List<string> Sent { get; } = [];

        public override WebSocketCloseStatus? CloseStatus => null;

        public override string? CloseStatusDescription => null;

        public override WebSocketState State => WebSocketState.Open;

        public override string? SubProtocol => null;

        public void Block() => _blocked = new TaskCompletionSource();

        public void Release() => _blocked!.SetResult();

        public void Break() => _broken = true;

        public override async Task SendAsync(ArraySegment<byte> buffer, WebSocketMessageType messageType, bool endOfMessage, CancellationToken cancellationToken)
        {
            if (_broken)
                throw new WebSocketException(WebSocketError.ConnectionClosedPrematurely);
            if (_blocked is { } blocked)
                await blocked.Task;
            Sent.Add(Encoding.UTF8.GetString(buffer));
        }

        public override void Abort()
        {
        }

        public override Task CloseAsync(WebSocketCloseStatus closeStatus, string? statusDescription, CancellationToken cancellationToken) => Task.CompletedTask;

        public override Task CloseOutputAsync(WebSocketCloseStatus closeStatus, string? statusDescription, CancellationToken cancellationToken) => Task.CompletedTask;

        public override void Dispose()
        {
        }

        public override Task<WebSocketReceiveResult> ReceiveAsync(ArraySegment<byte> buffer, CancellationToken cancellationToken) => throw new NotSupportedException();
    }
}
