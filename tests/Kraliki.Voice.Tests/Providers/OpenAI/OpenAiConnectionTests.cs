using System.Text;
using System.Text.Json;
using Kraliki.Contracts;
using Kraliki.Voice.Net;
using Kraliki.Voice.Providers;
using Kraliki.Voice.Providers.OpenAI;
using Kraliki.Voice.Tests.Net;
using Microsoft.Extensions.Time.Testing;

namespace Kraliki.Voice.Tests.Providers.OpenAI;

/// <summary>The connection without a service: server events in any order, what it answers is read back.</summary>
public sealed class OpenAiConnectionTests
{
    private readonly ProviderRecorder _events = new();
    private readonly SinkTransport _transport = new(isServer: false, new FakeTimeProvider()) { Sent = [] };
    private readonly OpenAiConnection _connection;

    public OpenAiConnectionTests()
    {
        _connection = New(_events);
        _connection.Attach(_transport.Socket);
        _transport.Receive("""{"type":"session.created","session":{"id":"sess_1","model":"m"}}""");
        _transport.Receive("""{"type":"session.updated","session":{"id":"sess_1"}}""");
        _transport.Sent!.Clear();
    }

    [Fact]
    public void Words_that_come_after_a_sound_was_forgotten_are_told_again_and_answered()
    {
        _connection.HoldAnswers();
        _transport.Receive("""{"type":"input_audio_buffer.committed","item_id":"item_c1"}""");
        _connection.ResumeAnswers(answerNow: false);
        Assert.Contains("item_c1", Sent("conversation.item.delete"), StringComparison.Ordinal);

        _events.OnFinal = () => _connection.ResumeAnswers(answerNow: true);
        _transport.Receive("""{"type":"conversation.item.input_audio_transcription.completed","item_id":"item_c1","transcript":"please stop"}""");
        Assert.Contains("please stop", Sent("conversation.item.create"), StringComparison.Ordinal);
        Sent("response.create");
    }

    [Fact]
    public void Late_words_that_were_not_wanted_do_not_come_up_with_the_next_turn()
    {
        _connection.HoldAnswers();
        _transport.Receive("""{"type":"input_audio_buffer.committed","item_id":"item_c1"}""");
        _connection.ResumeAnswers(answerNow: false);
        _transport.Receive("""{"type":"conversation.item.input_audio_transcription.completed","item_id":"item_c1","transcript":"uh-huh"}""");
        _connection.HoldAnswers();
        _connection.ResumeAnswers(answerNow: true);
        Assert.DoesNotContain(_transport.Sent!, sent => Type(sent) == "conversation.item.create");
    }

    [Fact]
    public void A_cough_that_cannot_be_written_down_stays_a_cough()
    {
        _connection.HoldAnswers();
        _transport.Receive("""{"type":"input_audio_buffer.committed","item_id":"item_c1"}""");
        _connection.ResumeAnswers(answerNow: false);
        _transport.Receive("""{"type":"conversation.item.input_audio_transcription.failed","item_id":"item_c1","error":{"message":"m"}}""");
        Assert.Equal("final item_c1 ", Lines()[^1]);
    }

    [Fact]
    public void What_an_answer_already_knows_is_neither_answered_again_nor_forgotten()
    {
        _connection.HoldAnswers();
        _transport.Receive("""{"type":"input_audio_buffer.committed","item_id":"item_c1"}""");
        _transport.Receive("""{"type":"response.created","response":{"id":"r1"}}""");
        _connection.ResumeAnswers(answerNow: true);
        _transport.Receive("""{"type":"response.done","response":{"id":"r1","status":"completed","output":[]}}""");
        Assert.DoesNotContain(_transport.Sent!, sent => Type(sent) is "response.create" or "conversation.item.delete");
    }

    [Fact]
    public void A_turn_that_ends_while_the_switch_is_on_its_way_is_answered_once()
    {
        _connection.HoldAnswers();
        _connection.ResumeAnswers(answerNow: true);
        Updated(createResponse: false);
        _transport.Receive("""{"type":"input_audio_buffer.committed","item_id":"item_c1"}""");
        Sent("response.create");

        Updated(createResponse: true);
        _transport.Sent!.Clear();
        _transport.Receive("""{"type":"input_audio_buffer.committed","item_id":"item_c2"}""");
        Assert.Empty(_transport.Sent!);
    }

    [Fact]
    public void Tools_are_taken_away_and_given_back_while_the_session_runs()
    {
        _connection.OfferTools([]);
        Assert.Equal("""{"session":{"tools":[],"type":"realtime"},"type":"session.update"}""", Sent("session.update"));
        _transport.Sent!.Clear();
        _connection.OfferTools(CallTool.All);
        Assert.Contains("end_call", Sent("session.update"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_goodbye_that_was_cut_off_does_not_hang_up()
    {
        _transport.Receive("""{"type":"response.created","response":{"id":"r1"}}""");
        Delta("item_1");
        _connection.CancelAnswer();
        _transport.Receive("""{"type":"response.done","response":{"id":"r1","status":"completed","output":[{"id":"item_1","type":"message","content":[{"type":"output_audio","transcript":"Goodbye!"}]},{"type":"function_call","call_id":"c","name":"end_call","arguments":"{}"}]}}""");
        Assert.DoesNotContain(Lines(), line => line.StartsWith("tool", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("""{"status":"failed","output":[]}""")]
    [InlineData("""{"status":"incomplete"}""")]
    [InlineData("""{"status":"cancelled","output":null}""")]
    [InlineData("""{"status":"completed","output":[null,{"id":"item_1","type":"message","content":[null]}]}""")]
    public void An_answer_that_began_is_always_reported_as_done(string response)
    {
        _transport.Receive("""{"type":"response.created","response":{"id":"r1"}}""");
        Delta("item_1");
        _transport.Receive($$"""{"type":"response.done","response":{{response}}}""");
        Assert.Single(Lines(), line => line.StartsWith("done item_1", StringComparison.Ordinal));
        Assert.DoesNotContain(Lines(), line => line.StartsWith("fault", StringComparison.Ordinal));
    }

    [Fact]
    public void Audio_with_white_space_in_it_is_not_taken()
    {
        var events = new QuietEvents();
        var connection = New(events);
        foreach (string delta in new[] { "AB CD AB", "AAA A", "\\tAAAA" })
        {
            connection.OnMessage(Encoding.UTF8.GetBytes($$"""{"type":"response.output_audio.delta","item_id":"i","delta":"{{delta}}"}"""));
        }

        Assert.Equal(0, events.Audio);
    }

    [Fact]
    public void What_was_used_is_counted_by_kind_and_each_token_once()
    {
        Done("""{"input_tokens":500,"output_tokens":60,"input_token_details":{"text_tokens":200,"audio_tokens":300,"cached_tokens":256,"cached_tokens_details":{"text_tokens":192,"audio_tokens":64}},"output_token_details":{"text_tokens":20,"audio_tokens":40}}""");
        Done("""{"input_tokens":100,"output_tokens":10}""");
        _transport.Receive("""{"type":"conversation.item.input_audio_transcription.completed","item_id":"item_c1","transcript":"hello","usage":{"type":"duration","seconds":2.5}}""");
        _transport.Receive("""{"type":"conversation.item.input_audio_transcription.completed","item_id":"item_c2","transcript":"hello","usage":{"type":"tokens","input_tokens":30,"output_tokens":3,"input_token_details":{"text_tokens":5,"audio_tokens":25}}}""");

        Assert.Equal(
            [
                new ModelUsage("openai", "gpt-realtime-2.1") { TextInTokens = 8, TextCachedTokens = 192, AudioInTokens = 336, AudioCachedTokens = 64, TextOutTokens = 20, AudioOutTokens = 50 },
                new ModelUsage("openai", "gpt-transcribe") { TextInTokens = 5, AudioInTokens = 25, TextOutTokens = 3, AudioInSeconds = 2.5 },
            ],
            _events.Usage);
    }

    [Fact]
    public void A_session_says_in_time_that_it_will_end()
    {
        var time = new FakeTimeProvider(DateTimeOffset.FromUnixTimeSeconds(1_000_000));
        var connection = New(_events, time: time);
        connection.Attach(new SinkTransport(isServer: false, time).Socket);
        connection.OnMessage("""{"type":"session.created","session":{"id":"sess_1","expires_at":1003600}}"""u8);
        time.Advance(TimeSpan.FromMinutes(58));
        Assert.DoesNotContain(Lines(), line => line.StartsWith("expiring", StringComparison.Ordinal));
        time.Advance(TimeSpan.FromSeconds(31));
        Assert.Equal("expiring 90", Lines()[^1]);
    }

    [Fact]
    public void A_session_that_ends_at_once_by_its_own_clock_is_not_believed()
    {
        var time = new FakeTimeProvider(DateTimeOffset.FromUnixTimeSeconds(1_000_000));
        var connection = New(_events, time: time);
        connection.Attach(new SinkTransport(isServer: false, time).Socket);
        connection.OnMessage("""{"type":"session.created","session":{"id":"sess_1","expires_at":1000010}}"""u8);
        time.Advance(TimeSpan.FromMinutes(5));
        Assert.DoesNotContain(Lines(), line => line.StartsWith("expiring", StringComparison.Ordinal));
    }

    [Fact]
    public void A_turn_can_be_ended_by_its_words_and_is_still_answered_only_when_we_say_so()
    {
        var transport = new SinkTransport(isServer: false, new FakeTimeProvider()) { Sent = [] };
        var connection = New(_events, new() { ApiKey = "k", TurnDetection = OpenAiTurnDetection.SemanticVad, Eagerness = OpenAiEagerness.High });
        connection.Attach(transport.Socket);
        transport.Receive("""{"type":"session.created","session":{"id":"sess_1"}}""");
        connection.HoldAnswers();

        var sent = transport.Sent.Where(sent => Type(sent) == "session.update").ToList();
        Assert.Contains("\"turn_detection\":{\"type\":\"semantic_vad\",\"eagerness\":\"high\",\"create_response\":true,\"interrupt_response\":false}", sent[0], StringComparison.Ordinal);
        Assert.Contains("\"turn_detection\":{\"type\":\"semantic_vad\",\"eagerness\":\"high\",\"create_response\":false,\"interrupt_response\":false}", sent[1], StringComparison.Ordinal);
    }

    private void Done(string usage) => _transport.Receive($$$"""{"type":"response.done","response":{"id":"r","status":"completed","output":[],"usage":{{{usage}}}}}""");

    [Fact]
    public void Fifty_thousand_mutated_events_crash_nothing()
    {
        var events = new QuietEvents();
        var connection = New(events);
        var transport = new SinkTransport(isServer: false, new FakeTimeProvider());
        connection.Attach(transport.Socket);
        var seeds = Seeds.Select(Encoding.UTF8.GetBytes).ToArray();
        var random = new Random(20261122);
        for (int round = 0; round < 50_000; round++)
        {
            var message = Mutated(seeds[round % seeds.Length], random);
            ((IMediaReceiver)connection).OnMessage(message);
            if (round % 500 == 0)
            {
                connection.HoldAnswers();
                connection.ResumeAnswers(answerNow: round % 1000 == 0);
            }
        }

        Assert.Null(events.Fault);
        Assert.True(events.Audio > 1_000, $"only {events.Audio} deltas got through");
        Assert.True(events.Others > 5_000, $"only {events.Others} events got through");
    }

    private static readonly string[] Seeds =
    [
        """{"type":"session.created","event_id":"e","session":{"id":"sess_1","object":"realtime.session","model":"gpt-realtime-2.1","expires_at":946688400,"audio":{"input":{"turn_detection":{"type":"server_vad","create_response":true}}}}}""",
        """{"type":"session.updated","event_id":"e","session":{"id":"sess_1","audio":{"input":{"turn_detection":null}}}}""",
        """{"type":"input_audio_buffer.speech_started","event_id":"e","audio_start_ms":100,"item_id":"item_c1"}""",
        """{"type":"input_audio_buffer.speech_stopped","event_id":"e","audio_end_ms":900,"item_id":"item_c1"}""",
        """{"type":"input_audio_buffer.committed","event_id":"e","previous_item_id":null,"item_id":"item_c1"}""",
        """{"type":"conversation.item.input_audio_transcription.delta","item_id":"item_c1","content_index":0,"delta":"When d\u00f6 you"}""",
        """{"type":"conversation.item.input_audio_transcription.completed","item_id":"item_c1","content_index":0,"transcript":"When do you open?","usage":{"type":"duration","seconds":1}}""",
        """{"type":"conversation.item.input_audio_transcription.failed","item_id":"item_c1","error":{"type":"x","code":"y","message":"z","param":null}}""",
        """{"type":"response.created","event_id":"e","response":{"object":"realtime.response","id":"resp_1","status":"in_progress","output":[],"usage":null}}""",
        """{"type":"response.output_audio_transcript.delta","response_id":"resp_1","item_id":"item_a1","output_index":0,"content_index":0,"delta":"We are "}""",
        """{"type":"response.output_audio.delta","event_id":"event_1","response_id":"resp_1","item_id":"item_a1","output_index":0,"content_index":0,"delta":"//////////////////////////8="}""",
        """{"type":"response.done","response":{"id":"resp_1","status":"completed","status_details":null,"output":[{"id":"item_a1","type":"message","role":"assistant","content":[{"type":"output_audio","transcript":"We are open."}]},{"id":"f","type":"function_call","call_id":"call_1","name":"end_call","arguments":"{}"}],"usage":{"total_tokens":3,"input_tokens":2,"output_tokens":1,"input_token_details":{"text_tokens":1,"audio_tokens":1,"cached_tokens":1,"cached_tokens_details":{"text_tokens":1}},"output_token_details":{"text_tokens":0,"audio_tokens":1}}}}""",
        """{"type":"response.done","response":{"id":"resp_2","status":"failed","status_details":{"type":"failed","error":{"type":"t","code":"insufficient_quota","message":"m"}},"output":[]}}""",
        """{"type":"rate_limits.updated","rate_limits":[{"name":"tokens","limit":1,"remaining":1,"reset_seconds":0.1}]}""",
        """{"type":"error","event_id":"e","error":{"type":"invalid_request_error","code":"conversation_already_has_active_response","message":"m","param":null,"event_id":null}}""",
    ];

    // Wrong bytes, cut ends, a stretch of another message, a value of another type.
    private static byte[] Mutated(byte[] seed, Random random)
    {
        var bytes = seed.ToList();
        for (int i = random.Next(0, 4); i > 0 && bytes.Count > 1; i--)
        {
            int at = random.Next(bytes.Count);
            switch (random.Next(5))
            {
                case 0:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 1:
                    bytes.RemoveRange(at, Math.Min(random.Next(1, 20), bytes.Count - at));
                    break;
                case 2:
                    bytes.InsertRange(at, bytes.GetRange(at, Math.Min(random.Next(1, 40), bytes.Count - at)));
                    break;
                case 3:
                    int colon = bytes.IndexOf((byte)':', at);
                    if (colon >= 0)
                    {
                        bytes.InsertRange(colon + 1, Encoding.UTF8.GetBytes(Values[random.Next(Values.Length)] + ","));
                    }

                    break;
                default:
                    string text = Encoding.UTF8.GetString([.. bytes]);
                    int start = text.IndexOf(":\"", Math.Min(at, text.Length), StringComparison.Ordinal);
                    int end = start < 0 ? -1 : text.IndexOf('"', start + 2);
                    if (end > 0)
                    {
                        bytes = [.. Encoding.UTF8.GetBytes(text[..(start + 1)] + Values[random.Next(Values.Length)] + text[(end + 1)..])];
                    }

                    break;
            }
        }

        return [.. bytes];
    }

    private static readonly string[] Values = ["null", "7", "-1e999", "true", "[]", "[null]", "{}", "\"\"", "\"\\ud800\"", "\"item_x\"", "99999999999999999999"];

    private static OpenAiConnection New(IProviderEvents events, OpenAiOptions? options = null, FakeTimeProvider? time = null)
        => new(options ?? new() { ApiKey = "k" }, new ProviderSetup(Guid.CreateVersion7(), "", ConversationContext.Empty, CallTool.All), events, time ?? new FakeTimeProvider());

    private static string Type(string message)
    {
        using var document = JsonDocument.Parse(message);
        return document.RootElement.GetProperty("type").GetString()!;
    }

    private string Sent(string type) => Assert.Single(_transport.Sent!, sent => Type(sent) == type);

    private IReadOnlyList<string> Lines() => _events.Written;

    private void Updated(bool createResponse)
        => _transport.Receive(
            """{"type":"session.updated","session":{"audio":{"input":{"turn_detection":{"type":"server_vad","create_response":X}}}}}"""
                .Replace("X", createResponse ? "true" : "false", StringComparison.Ordinal));

    private void Delta(string item)
        => _transport.Receive($$"""{"type":"response.output_audio.delta","item_id":"{{item}}","delta":"{{Convert.ToBase64String(new byte[160])}}"}""");
}
