using Kraliki.Contracts;
using Microsoft.Extensions.Logging;

namespace Kraliki.Voice.Calls;

public sealed partial class CallLoop
{
    [LoggerMessage(EventId = 100, Level = LogLevel.Information, Message = "Call media ended: {Reason}; frames in {FramesIn}, out {FramesOut}, dropped {FramesDropped}")]
    private partial void LogCallEnded(EndReason reason, long framesIn, long framesOut, long framesDropped);

    [LoggerMessage(EventId = 101, Level = LogLevel.Error, Message = "A call could not be admitted")]
    private partial void LogAdmissionFailed(Exception exception);

    [LoggerMessage(EventId = 102, Level = LogLevel.Error, Message = "A call ended by a fault of ours")]
    private partial void LogCallFault(Exception exception);
}
