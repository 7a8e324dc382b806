using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Kraliki.Voice.Providers.Segmented;

namespace Kraliki.Voice.Providers.DeepgramAgent;

/// <summary>The voice agent's socket: caller audio and commands out, messages and speech in, each in a step.</summary>
internal sealed class AgentSocket(
    DeepgramAgentOptions options, ProviderSetup setup, Mailbox mailbox, Action<DeepgramMessage> message, Mailbox.AudioStep audio, DeepgramReports reports, TimeProvider time)
    : DeepgramSocket("voice agent", mailbox, reports, time)
{
    // One second of audio waiting in the socket means that it is not read; frames then wait on the call's tape.
    private const int SocketHighWater = 50 * 170;

    // Only while no audio is sent (protocol §3).
    private static readonly TimeSpan KeepAliveInterval = TimeSpan.FromSeconds(8);
    private static readonly byte[] KeepAlive = """{"type":"KeepAlive"}"""u8.ToArray();

    private readonly TimeProvider _time = time;
    private ITimer? _keepAlive;
    private bool _fed;

    public void Start() => Connect(options.BaseUrl, options.ApiKey, "v1/agent/converse", setup);

    /// <summary>Caller audio: one frame, in base64 and decoded into <paramref name="mulaw"/>.</summary>
    /// <returns>False: not taken.</returns>
    public bool Hear(ReadOnlySpan<byte> base64Mulaw, Span<byte> mulaw, out int length)
    {
        length = 0;
        if (Ended)
        {
            return true;
        }

        if (Socket is not { } socket || socket.QueuedBytes > SocketHighWater)
        {
            return false;
        }

        if (Base64.DecodeFromUtf8(base64Mulaw, mulaw, out _, out length) == OperationStatus.Done && length > 0)
        {
            socket.SendBinary(mulaw[..length]);
            Volatile.Write(ref _fed, true);
        }

        return true;
    }

    public void Send<T>(T command, JsonTypeInfo<T> type) => Socket?.Send(JsonSerializer.SerializeToUtf8Bytes(command, type));

    public override void Close()
    {
        _keepAlive?.Dispose();
        base.Close();
    }

    protected override void OnOpen() => _keepAlive = _time.CreateTimer(_ => OnKeepAlive(), null, KeepAliveInterval, KeepAliveInterval);

    protected override void OnMessage(DeepgramMessage received) => message(received);

    protected override void OnAudio(ReadOnlySpan<byte> speech) => Mailbox.Post(audio, speech);

    private void OnKeepAlive()
    {
        if (!Interlocked.Exchange(ref _fed, false))
        {
            Socket?.Send(KeepAlive);
        }
    }
}
