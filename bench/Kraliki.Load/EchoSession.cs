using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Kraliki.Load;

/// <summary>
/// The provider's side of one call: an OpenAI Realtime session that hears nothing and gives each piece of caller audio
/// back at once as a piece of its answer.
/// </summary>
/// <remarks>Order of events as in the GA protocol: created → item → part → deltas → done events; a new answer every few seconds.</remarks>
internal sealed class EchoSession(Socket socket, LoadLoop loop, int number, int answerMs) : Link(socket, loop.Epoll, loop.Scratch, client: false)
{
    private static readonly byte[] DeltaTail = "\"}"u8.ToArray();
    private static readonly long WordEvery = Stopwatch.Frequency / 2;

    private readonly string _id = number.ToString("D8", CultureInfo.InvariantCulture);
    private byte[] _deltaHead = [];
    private byte[] _out = new byte[1024];
    private string _response = "";
    private string _item = "";
    private int _answers;
    private int _words;
    private int _events;
    private long _answerSince;
    private long _wordSince;
    private bool _answering;

    protected override int OnHandshake(ReadOnlySpan<byte> received)
    {
        var end = received.IndexOf("\r\n\r\n"u8);
        if (end < 0) return 0;

        const string KeyHeader = "sec-websocket-key:";
        var key = Encoding.ASCII.GetString(received[..end]).Split("\r\n")
            .FirstOrDefault(line => line.StartsWith(KeyHeader, StringComparison.OrdinalIgnoreCase));
        if (key is null)
        {
            Close("not a WebSocket request");
            return 0;
        }

        SendBytes(Encoding.ASCII.GetBytes(
            $"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {WebSocketFrame.Accept(key[KeyHeader.Length..].Trim())}\r\n\r\n"));
        Open = true;
        Send("session.created", $"\"session\":{Session()}");
        return end + 4;
    }

    protected override void OnClosed(string why) => loop.Tally.ProviderEnded();

    protected override void OnText(Span<byte> message)
    {
        var start = message.IndexOf("\"audio\":\""u8);
        if (start >= 0 && message[..start].IndexOf("session.update"u8) < 0)
        {
            var text = message[(start + 9)..];
            Echo(text[..text.IndexOf((byte)'"')]);
        }
        else if (message.IndexOf("\"session.update\""u8) >= 0)
        {
            Send("session.updated", $"\"session\":{Session()}");
        }
        else if (message.IndexOf("\"response.create\""u8) >= 0 && !_answering)
        {
            Begin(Stopwatch.GetTimestamp());
        }
    }

    private void Echo(ReadOnlySpan<byte> base64)
    {
        var now = Stopwatch.GetTimestamp();
        if (_answering && now - _answerSince > answerMs * Stopwatch.Frequency / 1000) Finish();
        if (!_answering) Begin(now);
        if (now - _wordSince > WordEvery)
        {
            _wordSince = now;
            _words++;
            Send("response.output_audio_transcript.delta", $"{Ids()},\"delta\":\"word \"");
        }

        var length = _deltaHead.Length + base64.Length + DeltaTail.Length;
        if (_out.Length < WebSocketFrame.MaxHeader + length) _out = new byte[(WebSocketFrame.MaxHeader + length) * 2];
        var header = WebSocketFrame.WriteHeader(_out, Opcode.Text, length, masked: false);
        _deltaHead.CopyTo(_out, header);
        base64.CopyTo(_out.AsSpan(header + _deltaHead.Length));
        DeltaTail.CopyTo(_out, header + _deltaHead.Length + base64.Length);
        SendBytes(_out.AsSpan(0, header + length));
    }

    private void Begin(long now)
    {
        _answering = true;
        _answerSince = _wordSince = now;
        _answers++;
        _words = 0;
        _response = $"resp_{_id}{_answers:D4}";
        _item = $"item_{_id}{_answers:D4}";
        _deltaHead = Encoding.ASCII.GetBytes($"{{\"type\":\"response.output_audio.delta\",\"event_id\":\"event_{_id}audio\",{Ids()},\"delta\":\"");
        Send("response.created", $"\"response\":{Response("in_progress", "")}");
        Send("response.output_item.added", $"\"response_id\":\"{_response}\",\"output_index\":0,\"item\":{Item("in_progress", "")}");
        Send("conversation.item.added", $"\"previous_item_id\":null,\"item\":{Item("in_progress", "")}");
        Send("response.content_part.added", $"{Ids()},\"part\":{{\"type\":\"audio\",\"transcript\":\"\"}}");
    }

    private void Finish()
    {
        _answering = false;
        var words = string.Concat(Enumerable.Repeat("word ", _words)).TrimEnd();
        var content = $"{{\"type\":\"output_audio\",\"transcript\":\"{words}\"}}";
        Send("response.output_audio.done", Ids());
        Send("response.output_audio_transcript.done", $"{Ids()},\"transcript\":\"{words}\"");
        Send("response.content_part.done", $"{Ids()},\"part\":{{\"type\":\"audio\",\"transcript\":\"{words}\"}}");
        Send("conversation.item.done", $"\"previous_item_id\":null,\"item\":{Item("completed", content)}");
        Send("response.output_item.done", $"\"response_id\":\"{_response}\",\"output_index\":0,\"item\":{Item("completed", content)}");
        Send("response.done", $"\"response\":{Response("completed", Item("completed", content))}");
    }

    private string Ids() => $"\"response_id\":\"{_response}\",\"item_id\":\"{_item}\",\"output_index\":0,\"content_index\":0";

    private string Item(string status, string content) =>
        $"{{\"id\":\"{_item}\",\"object\":\"realtime.item\",\"type\":\"message\",\"status\":\"{status}\",\"role\":\"assistant\",\"content\":[{content}]}}";

    private string Response(string status, string output) =>
        $"{{\"object\":\"realtime.response\",\"id\":\"{_response}\",\"status\":\"{status}\",\"status_details\":null,\"output\":[{output}],\"conversation_id\":\"conv_{_id}\","
        + "\"output_modalities\":[\"audio\"],\"max_output_tokens\":\"inf\",\"usage\":"
        + (status == "completed"
            ? "{\"total_tokens\":150,\"input_tokens\":50,\"output_tokens\":100,\"input_token_details\":{\"text_tokens\":20,\"audio_tokens\":30,\"image_tokens\":0,\"cached_tokens\":0},\"output_token_details\":{\"text_tokens\":20,\"audio_tokens\":80}}"
            : "null")
        + ",\"metadata\":null}";

    private string Session() =>
        $"{{\"type\":\"realtime\",\"object\":\"realtime.session\",\"id\":\"sess_{_id}\",\"model\":\"gpt-realtime\",\"output_modalities\":[\"audio\"],"
        + "\"instructions\":\"\",\"tools\":[],\"tool_choice\":\"auto\",\"max_output_tokens\":\"inf\",\"expires_at\":4102444800,"
        + "\"audio\":{\"input\":{\"format\":{\"type\":\"audio/pcmu\"},\"transcription\":null,\"noise_reduction\":null,\"turn_detection\":{\"type\":\"server_vad\",\"threshold\":0.5,\"prefix_padding_ms\":300,\"silence_duration_ms\":500,\"create_response\":true,\"interrupt_response\":true}},"
        + "\"output\":{\"format\":{\"type\":\"audio/pcmu\"},\"voice\":\"marin\",\"speed\":1.0}}}";

    private void Send(string type, string fields) =>
        SendText(Encoding.ASCII.GetBytes($"{{\"type\":\"{type}\",\"event_id\":\"event_{_id}{++_events:D6}\",{fields}}}"));
}
