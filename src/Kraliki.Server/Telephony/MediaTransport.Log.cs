namespace Kraliki.Server.Telephony;

internal sealed partial class MediaTransport
{
    private sealed partial class Listener
    {
        [LoggerMessage(LogLevel.Warning, "A connection could not be accepted: {Error}.")]
        private partial void LogAcceptFailed(System.Net.Sockets.SocketError error);

        [LoggerMessage(LogLevel.Error, "A call could not be brought to its end.")]
        private partial void LogCallFailed(Exception exception);
    }
}
