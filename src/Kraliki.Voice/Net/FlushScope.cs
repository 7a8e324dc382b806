namespace Kraliki.Voice.Net;

/// <summary>
/// Gathers the sockets that were written to while received bytes are handled on this thread, and flushes each once at the
/// end: many messages, one system call. Outside of a scope a flush happens at once.
/// </summary>
internal readonly ref struct FlushScope
{
    [ThreadStatic]
    private static List<MediaSocket>? _dirty;

    [ThreadStatic]
    private static int _depth;

    public static FlushScope Enter()
    {
        _depth++;
        _dirty ??= new List<MediaSocket>(64);
        return default;
    }

    public static void Request(MediaSocket socket)
    {
        if (_depth == 0)
        {
            socket.Flush();
        }
        else if (socket.TryClaimFlush())
        {
            _dirty!.Add(socket);
        }
    }

    public void Dispose()
    {
        if (_depth > 1)
        {
            _depth--;
            return;
        }

        // The depth stays 1 while flushing: what a failing flush sends elsewhere joins the same list.
        try
        {
            for (int i = 0; i < _dirty!.Count; i++)
            {
                _dirty[i].FlushClaimed();
            }
        }
        finally
        {
            // Left at 1 it would keep back everything that this thread sends from now on.
            _dirty!.Clear();
            _depth = 0;
        }
    }
}
