using System.Net;
using System.Text.Json;
using Kraliki.Voice.Net;

namespace Kraliki.Voice.Providers.Segmented;

/// <summary>How a part of a segmented connection came to its end.</summary>
/// <param name="Idle">Closed because nothing was asked of it; a fresh one does as well.</param>
internal sealed record PartEnd(ProviderEnd End, string Detail, bool Idle = false);

/// <summary>One of Deepgram's sockets: opened, read as JSON and audio, and its end told in plain words.</summary>
/// <remarks>What it reports is posted to the connection's mailbox.</remarks>
internal abstract class DeepgramSocket(string part, Mailbox mailbox, DeepgramReports reports, TimeProvider time) : IMediaReceiver
{
    private readonly CancellationTokenSource _connecting = new();
    private volatile MediaSocket? _socket;
    private volatile bool _ended;

    protected Mailbox Mailbox => mailbox;

    protected DeepgramReports Reports => reports;

    /// <summary>Null while it is being connected.</summary>
    protected MediaSocket? Socket => _socket;

    /// <summary>What is sent from now on goes nowhere.</summary>
    protected bool Ended => _ended;

    /// <summary>Connects, again after an end.</summary>
    /// <param name="path">With its query.</param>
    protected void Connect(Uri baseUrl, string apiKey, string path, ProviderSetup setup)
    {
        (_socket, _ended) = (null, false);
        _ = ConnectAsync(baseUrl, apiKey, path, setup);
    }

    public virtual void Close()
    {
        _connecting.Cancel();
        _socket?.Close(1000, "");
    }

    void IMediaReceiver.OnMessage(ReadOnlySpan<byte> message)
    {
        DeepgramMessage? parsed;
        try
        {
            parsed = JsonSerializer.Deserialize(message, DeepgramJson.Default.DeepgramMessage);
        }
        catch (JsonException)
        {
            mailbox.Post(() => reports.Notice("invalid_json", $"Deepgram's {part} sent a message that is not JSON of its protocol; it was ignored."));
            return;
        }

        if (parsed?.Type is not null)
        {
            mailbox.Post(() => OnMessage(parsed));
        }
    }

    void IMediaReceiver.OnBinary(ReadOnlySpan<byte> message) => OnAudio(message);

    void IMediaReceiver.OnFault(Exception exception) => mailbox.Post(() => reports.Faulted(exception));

    void IMediaReceiver.OnClosed(SocketEnd end, ushort code, string reason)
    {
        _ended = true;
        var told = Explain(end, code, reason);
        mailbox.Post(() => OnEnd(told));
    }

    private PartEnd Explain(SocketEnd end, ushort code, string reason) => reason switch
    {
        _ when end == SocketEnd.Requested => new(ProviderEnd.Requested, $"Deepgram's {part} was closed."),

        // docs/protocols/deepgram.md: the reason begins with what happened.
        _ when reason.StartsWith("NET-0003", StringComparison.Ordinal) => new(ProviderEnd.Expired, $"Deepgram's {part} reached its time limit."),
        _ when reason.Length > 0 => new(ProviderEnd.Error, $"Deepgram closed the {part}: {reason} (code {code}).", reason.StartsWith("NET-0001", StringComparison.Ordinal)),
        _ => new(ProviderEnd.Lost, $"The connection to Deepgram's {part} ended without a goodbye (code {code})."),
    };

    /// <summary>In a step: ready to be used.</summary>
    protected abstract void OnOpen();

    /// <summary>In a step.</summary>
    protected abstract void OnMessage(DeepgramMessage message);

    /// <summary>On the socket's thread.</summary>
    protected virtual void OnAudio(ReadOnlySpan<byte> audio)
    {
    }

    /// <summary>In a step: there is no socket any more.</summary>
    protected virtual void OnEnd(PartEnd end) => reports.Ended(end);

    /// <summary>From now on this socket, not yet opened, is the one.</summary>
    internal void Attach(MediaSocket socket)
    {
        _socket = socket;
        mailbox.Post(OnOpen);
        socket.Open(this);
        if (_connecting.IsCancellationRequested)
        {
            socket.Close(1000, "");
        }
    }

    private async Task ConnectAsync(Uri baseUrl, string apiKey, string path, ProviderSetup setup)
    {
        try
        {
            var uri = new Uri(new UriBuilder(baseUrl)
            {
                Scheme = baseUrl.Scheme is "https" or "wss" ? "wss" : "ws",
                Port = baseUrl.Port,
                Path = baseUrl.AbsolutePath.TrimEnd('/') + "/",
            }.Uri, path);

            // The session's id is how the vendor's own SDK groups the sockets of one conversation.
            List<KeyValuePair<string, string>> headers =
                [new("Authorization", "Token " + apiKey), new("x-deepgram-session-id", setup.SessionId.ToString())];
            if (setup.RequestId is { } request)
            {
                headers.Add(new("X-Request-ID", request));
            }

            if (setup.TraceParent is { } trace)
            {
                // https://www.w3.org/TR/trace-context/#traceparent-header
                headers.Add(new("traceparent", trace));
            }

            var socket = await MediaConnector.ConnectAsync(uri, headers, MediaSocketOptions.Provider, time, _connecting.Token).ConfigureAwait(false);
            Attach(socket);
        }
        catch (HandshakeException e)
        {
            var end = e.Status is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden
                ? new PartEnd(ProviderEnd.Unauthorized, "Deepgram did not accept the API key. Check Kraliki:Providers:Deepgram:ApiKey.")
                : new PartEnd(ProviderEnd.Refused, $"Deepgram's {part} could not be connected: {e.Message}");
            mailbox.Post(() => OnEnd(end));
        }
        catch (OperationCanceledException)
        {
            mailbox.Post(() => OnEnd(new(ProviderEnd.Requested, "The connection was given up.")));
        }
        catch (Exception e)
        {
            // The edge of this task, which nobody awaits: a bug ends the call with a reason, not with a deadline.
            mailbox.Post(() => reports.Faulted(e));
        }
    }
}

/// <summary>What any of the parts may say, in a step.</summary>
internal sealed record DeepgramReports(Action<PartEnd> Ended, Action<string, string> Notice, Action<Exception> Faulted);
