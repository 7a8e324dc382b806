using System.Net.WebSockets;

namespace Kraliki.Server.Sessions.Sockets;

/// <summary>How a session socket ends. Closed set.</summary>
/// <param name="Code">Goes into the fatal error message and the close frame's description.</param>
/// <param name="Message">For people; null when the client needs no explanation.</param>
/// <param name="Reconnect">Whether the client should come back, with a new ticket and the last seq it saw.</param>
internal sealed record SocketEnd(WebSocketCloseStatus Status, string Code, string? Message, bool Reconnect = true)
{
    /// <summary>Bytes of one client message.</summary>
    public const int LargestMessage = 64 * 1024;

    // 4000–4999 are free for applications (RFC 6455 §7.4.2); ours follow the well-known gateway habits: 4004 not
    // authenticated, 4008 too fast or too slow, 4009 timed out.
    private const WebSocketCloseStatus NotAuthenticated = (WebSocketCloseStatus)4004;
    private const WebSocketCloseStatus BadPace = (WebSocketCloseStatus)4008;
    private const WebSocketCloseStatus TimedOut = (WebSocketCloseStatus)4009;

    /// <summary>Nothing will ever follow: clients do not reconnect.</summary>
    public static readonly SocketEnd SessionOver = new(WebSocketCloseStatus.NormalClosure, "session_over", null, Reconnect: false);

    public static readonly SocketEnd ClientLeft = new(WebSocketCloseStatus.NormalClosure, "bye", null, Reconnect: false);

    public static readonly SocketEnd ClientLost = new(WebSocketCloseStatus.NormalClosure, "client_lost", null);

    /// <summary>1001 and not 1012, which says the same: .NET's client takes 1012 for a violation of the protocol and loses the reason.</summary>
    public static readonly SocketEnd ServerStopping = new(
        WebSocketCloseStatus.EndpointUnavailable, "server_stopping", "The server restarts; reconnect and resume.");

    public static readonly SocketEnd IdentifyTimeout = new(NotAuthenticated, "not_identified", "No identify message came in time.");

    public static readonly SocketEnd NotIdentified = new(NotAuthenticated, "not_identified", "The first message must be a valid identify.");

    public static readonly SocketEnd InvalidTicket = new(
        NotAuthenticated, "invalid_ticket", "The ticket is unknown, used up, too old, or for another session; fetch a new one.");

    /// <summary>Clients do not reconnect: the person signs in again first.</summary>
    public static readonly SocketEnd SignedOut = new(NotAuthenticated, "signed_out", "This sign-in has ended; sign in again.", Reconnect: false);

    public static readonly SocketEnd AccessChanged = new(
        NotAuthenticated, "access_changed", "Your role was changed; reconnect with a new ticket, which tells what it allows.");

    public static readonly SocketEnd IdleTimeout = new(TimedOut, "idle_timeout", "Nothing came from the client for too long; send a ping in time.");

    public static readonly SocketEnd MessageTooLarge = new(
        WebSocketCloseStatus.MessageTooBig, "message_too_large", $"A message may have at most {LargestMessage} bytes.");

    public static readonly SocketEnd TooManyMessages = new(BadPace, "rate_limited", "Too many messages; slow down and reconnect.");

    public static readonly SocketEnd TooSlow = new(BadPace, "too_slow", "The client does not read fast enough; reconnect and resume.");

    public static readonly SocketEnd SessionUnreachable = new(
        WebSocketCloseStatus.EndpointUnavailable, "session_unreachable", "The session cannot be reached at present; reconnect and resume.");

    /// <summary>What a client can be told, for the description of the socket.</summary>
    public static IReadOnlyList<SocketEnd> Told { get; } =
        [SessionOver, ServerStopping, SessionUnreachable, MessageTooLarge, IdentifyTimeout, NotIdentified, InvalidTicket, SignedOut, AccessChanged, TooManyMessages, TooSlow, IdleTimeout];
}
