using Kraliki.Simulators.OpenAI;

namespace Kraliki.Voice.Tests.Simulators.OpenAI;

public sealed class RealtimeSessionTests
{
    private const string Transcripts = ""","transcription":{"model":"gpt-4o-mini-transcribe"}""";

    [Fact]
    public void A_session_opens_with_its_full_default_settings()
    {
        using var stage = new SessionStage();

        var session = Assert.Single(stage.Events)["session"]!;
        Assert.StartsWith("sess_", (string)session["id"]!);
        Assert.Equal(stage.Clock.GetUtcNow().AddHours(1).ToUnixTimeSeconds(), (long)session["expires_at"]!);
        Assert.Equal("""{"type":"audio/pcm","rate":24000}""", session["audio"]!["output"]!["format"]!.ToJsonString());
        Assert.Equal(200, (int)session["audio"]!["input"]!["turn_detection"]!["silence_duration_ms"]!);
        Assert.Equal("marin", (string)session["audio"]!["output"]!["voice"]!);
    }

    [Fact]
    public void An_update_changes_what_it_names_and_answers_with_the_whole_session()
    {
        using var stage = new SessionStage();

        stage.Send("""
            {"type":"session.update","session":{"type":"realtime","instructions":"Be brief.","audio":{"input":{
             "format":{"type":"audio/pcmu"},"turn_detection":{"type":"server_vad","silence_duration_ms":700}}}}}
            """);

        var session = stage.Last("session.updated")["session"]!;
        Assert.Equal("Be brief.", (string)session["instructions"]!);
        Assert.Equal("""{"type":"audio/pcmu"}""", session["audio"]!["input"]!["format"]!.ToJsonString());
        Assert.Equal(700, (int)session["audio"]!["input"]!["turn_detection"]!["silence_duration_ms"]!);
        Assert.Equal(300, (int)session["audio"]!["input"]!["turn_detection"]!["prefix_padding_ms"]!);
        Assert.Equal("audio/pcm", (string)session["audio"]!["output"]!["format"]!["type"]!);
    }

    [Theory]
    [InlineData("""{"instructions":"x"}""", "missing_required_parameter", "session.type")]
    [InlineData("""{"type":"realtime","colour":"red"}""", "unknown_parameter", "session.colour")]
    [InlineData("""{"type":"realtime","audio":{"input":{"turn_detection":{"type":"server_vad","silence":1}}}}""", "unknown_parameter", "session.audio.input.turn_detection.silence")]
    [InlineData("""{"type":"realtime","audio":{"input":{"format":{"type":"g711_ulaw"}}}}""", "invalid_value", "session.audio.input.format.type")]
    [InlineData("""{"type":"realtime","audio":{"input":{"format":{"type":"audio/pcm","rate":16000}}}}""", "invalid_value", "session.audio.input.format.rate")]
    [InlineData("""{"type":"realtime","audio":{"output":{"voice":"hal"}}}""", "invalid_value", "session.audio.output.voice")]
    [InlineData("""{"type":"realtime","audio":{"output":{"speed":9}}}""", "invalid_value", "session.audio.output.speed")]
    [InlineData("""{"type":"realtime","output_modalities":["audio","text"]}""", "invalid_value", "session.output_modalities")]
    [InlineData("""{"type":"realtime","max_output_tokens":5000}""", "invalid_value", "session.max_output_tokens")]
    [InlineData("""{"type":"realtime","tools":[{"type":"function"}]}""", "missing_required_parameter", "session.tools[0].name")]
    [InlineData("""{"type":"realtime","model":"gpt-realtime-2"}""", "invalid_value", "session.model")]
    public void A_refused_update_changes_nothing(string session, string code, string param)
    {
        using var stage = new SessionStage();
        var before = stage.Session.Settings.Wire.ToJsonString();

        stage.Send($$"""{"type":"session.update","event_id":"mine","session":{{session}}}""");

        Assert.Equal((code, param, "mine"), ((string)stage.LastError["code"]!, (string)stage.LastError["param"]!, (string)stage.LastError["event_id"]!));
        Assert.Equal(before, stage.Session.Settings.Wire.ToJsonString());
        Assert.Null(stage.Closed);
    }

    [Fact]
    public void The_shape_of_the_beta_is_refused_and_closes_the_session()
    {
        using var stage = new SessionStage();

        stage.Send("""{"type":"session.update","session":{"modalities":["audio"],"input_audio_format":"g711_ulaw"}}""");

        Assert.Equal("beta_api_shape_disabled", (string)stage.LastError["code"]!);
        Assert.Equal((4000, "invalid_request_error.beta_api_shape_disabled"), stage.Closed);
    }

    [Theory]
    [InlineData("""{"type":"input_audio_buffer.append",""", "invalid_json")]
    [InlineData("[]", "invalid_json")]
    [InlineData("""{"type":"x","type":"y"}""", "invalid_json")]
    [InlineData("""{"type":"\ud800"}""", "invalid_json")]
    [InlineData("""{"audio":"AAAA"}""", "invalid_event")]
    [InlineData("""{"type":"conversation.item.created"}""", "invalid_value")]
    [InlineData("""{"type":"input_audio_buffer.append","audio":"%%%"}""", "invalid_value")]
    [InlineData("""{"type":"input_audio_buffer.append"}""", "missing_required_parameter")]
    [InlineData("""{"type":"response.cancel"}""", "response_cancel_not_active")]
    [InlineData("""{"type":"input_audio_buffer.commit"}""", "input_audio_buffer_commit_empty")]
    [InlineData("""{"type":"conversation.item.delete","item_id":"item_no"}""", "item_delete_invalid_item_id")]
    [InlineData("""{"type":"conversation.item.create","item":{"type":"function_call_output","call_id":"call_no","output":"{}"}}""", "invalid_value")]
    [InlineData("""{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"output_text","text":"x"}]}}""", "invalid_value")]
    [InlineData("""{"type":"response.create","response":{"modalities":["text"],"x":1}}""", "beta_api_shape_disabled")]
    public void A_wrong_event_is_answered_with_its_error(string json, string code)
    {
        using var stage = new SessionStage();

        stage.Send(json);

        Assert.Equal(code, (string)stage.LastError["code"]!);
    }

    [Fact]
    public void A_turn_found_by_the_server_has_the_events_of_the_protocol_in_their_order()
    {
        using var stage = new SessionStage().WithTelephoneAudio(Transcripts);

        stage.BeSilent(300);
        stage.SayTurn("what time is it");
        stage.Wait(10);

        Assert.Equal(
            [
                "input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped", "input_audio_buffer.committed",
                "conversation.item.added", "conversation.item.done",
                "conversation.item.input_audio_transcription.delta", "conversation.item.input_audio_transcription.completed",
                "response.created", "response.output_item.added", "conversation.item.added", "response.content_part.added",
                "response.output_audio_transcript.delta", "response.output_audio.delta",
                "response.output_audio.done", "response.output_audio_transcript.done", "response.content_part.done",
                "conversation.item.done", "response.output_item.done", "response.done", "rate_limits.updated",
            ],
            WithoutRepeats(stage.Types));

        var started = stage.Last("input_audio_buffer.speech_started");
        Assert.InRange((int)started["audio_start_ms"]!, 0, 40);
        Assert.Equal((string)started["item_id"]!, (string)stage.Last("input_audio_buffer.committed")["item_id"]!);
        Assert.Equal("what time is it", (string)stage.Last("conversation.item.input_audio_transcription.completed")["transcript"]!);
        var response = stage.Last("response.done")["response"]!;
        Assert.Equal("completed", (string)response["status"]!);
        Assert.Equal("One two three four.", (string)response["output"]![0]!["content"]![0]!["transcript"]!);
        Assert.Equal(40, (int)response["usage"]!["output_token_details"]!["audio_tokens"]!);
        Assert.Equal(
            (int)response["usage"]!["total_tokens"]!, (int)response["usage"]!["input_tokens"]! + (int)response["usage"]!["output_tokens"]!);
    }

    [Fact]
    public void All_audio_of_an_answer_arrives_in_deltas_of_realistic_size_faster_than_it_plays()
    {
        using var stage = new SessionStage().WithTelephoneAudio();
        stage.SayTurn("hello");

        stage.Wait(0.15 + 2.0 / 5);

        Assert.Contains("response.done", stage.Types);
        var deltas = stage.Events.Where(e => (string)e["type"]! == "response.output_audio.delta").Select(e => (string)e["delta"]!).ToList();
        Assert.All(deltas.SkipLast(1), delta => Assert.InRange(delta.Length, 3_900, 16_000));
        Assert.Equal(4 * SessionStage.MsPerWord * 8, deltas.Sum(delta => Convert.FromBase64String(delta).Length));
    }

    [Fact]
    public void A_response_starts_at_once_but_speaks_only_when_the_turn_is_understood()
    {
        using var stage = new SessionStage().WithTelephoneAudio(Transcripts);
        stage.Say(600);
        stage.BeSilent(400);
        stage.Wait(5);
        Assert.Equal("response.created", stage.Types.Last());

        stage.Ear.Understand("i want to book");
        stage.Wait(5);

        Assert.Equal("i want to book", Assert.Single(stage.Asked).Turns[^1].Text);
        Assert.Contains("response.done", stage.Types);
    }

    [Fact]
    public void A_deaf_ear_is_reported_with_its_remedy()
    {
        using var stage = new SessionStage().WithTelephoneAudio(Transcripts);
        stage.Ear.Impediment = "Install the ear.";
        stage.Say(600);
        stage.BeSilent(400);

        stage.Ear.Understand(null);

        Assert.Equal("Install the ear.", (string)stage.Last("conversation.item.input_audio_transcription.failed")["error"]!["message"]!);
    }

    [Fact]
    public void The_caller_interrupts_and_the_model_forgets_what_was_not_heard()
    {
        using var stage = new SessionStage().WithTelephoneAudio();
        stage.Mind = _ => new("One two three four five six seven eight, nine ten.");
        stage.SayTurn("count");
        stage.Wait(0.4);
        stage.Events.Clear();

        stage.Say(200);

        Assert.Equal(
            [
                "input_audio_buffer.speech_started", "response.output_audio.done", "response.output_audio_transcript.done",
                "response.content_part.done", "conversation.item.done", "response.output_item.done", "response.done",
            ],
            stage.Types);
        var response = stage.Last("response.done")["response"]!;
        Assert.Equal("turn_detected", (string)response["status_details"]!["reason"]!);
        Assert.Equal("incomplete", (string)response["output"]![0]!["status"]!);

        var item = (string)response["output"]![0]!["id"]!;
        stage.Send($$"""{"type":"conversation.item.truncate","item_id":"{{item}}","content_index":0,"audio_end_ms":1000}""");
        Assert.Equal(1000, (int)stage.Last("conversation.item.truncated")["audio_end_ms"]!);
        stage.SayTurn("go on");
        stage.Wait(5);

        Assert.Equal("One two", stage.Asked[^1].Turns[^2].Text);
        Assert.Equal(MindRole.Assistant, stage.Asked[^1].Turns[^2].Role);
    }

    [Fact]
    public void Without_interruption_the_answer_goes_on_and_the_next_follows_it()
    {
        using var stage = new SessionStage().WithTelephoneAudio(""","turn_detection":{"type":"server_vad","interrupt_response":false}""");
        stage.Mind = _ => new("One two three four five six seven eight nine ten eleven twelve.");
        stage.SayTurn("first");
        stage.Wait(0.3);

        stage.SayTurn("second");
        stage.Wait(10);

        Assert.Equal(["completed", "completed"], stage.Events.Where(e => (string)e["type"]! == "response.done").Select(e => (string)e["response"]!["status"]!));
        Assert.Equal(["first", "second"], stage.Asked.Select(asked => asked.Turns.Last(turn => turn.Role == MindRole.User).Text));
    }

    [Theory]
    [InlineData(0, 2001, "invalid_value", "Audio content of 2000ms is already shorter than 2001ms")]
    [InlineData(1, 100, "invalid_value", "The message has no such content part.")]
    [InlineData(0, -1, "invalid_value", "Expected an integer of at least 0.")]
    public void An_impossible_truncation_is_refused(int index, int endMs, string code, string message)
    {
        using var stage = new SessionStage().WithTelephoneAudio();
        stage.SayTurn("hello");
        stage.Wait(5);
        var item = (string)stage.Last("response.output_item.done")["item"]!["id"]!;

        stage.Send($$"""{"type":"conversation.item.truncate","item_id":"{{item}}","content_index":{{index}},"audio_end_ms":{{endMs}}}""");

        Assert.Equal((code, message), ((string)stage.LastError["code"]!, (string)stage.LastError["message"]!));
    }

    [Fact]
    public void What_the_model_did_not_speak_cannot_be_truncated()
    {
        using var stage = new SessionStage().WithTelephoneAudio();
        stage.SayTurn("hello");
        var item = (string)stage.Last("input_audio_buffer.committed")["item_id"]!;

        stage.Send($$"""{"type":"conversation.item.truncate","item_id":"{{item}}","content_index":0,"audio_end_ms":0}""");

        Assert.Equal("unsupported_content_type", (string)stage.LastError["code"]!);
    }

    [Fact]
    public void One_response_at_a_time_and_a_cancelled_one_closes_its_parts()
    {
        using var stage = new SessionStage();
        stage.Send("""{"type":"response.create"}""");
        stage.Wait(0.2);

        stage.Send("""{"type":"response.create","event_id":"second"}""");
        Assert.Equal("conversation_already_has_active_response", (string)stage.LastError["code"]!);
        Assert.Equal("second", (string)stage.LastError["event_id"]!);

        stage.Send("""{"type":"response.cancel"}""");
        Assert.Equal("client_cancelled", (string)stage.Last("response.done")["response"]!["status_details"]!["reason"]!);
        Assert.Contains("response.output_audio.done", stage.Types);
        var count = stage.Events.Count;
        stage.Wait(10);
        Assert.Equal(["rate_limits.updated"], stage.Types.Skip(count));
    }

    [Fact]
    public void A_client_that_finds_turns_itself_commits_and_asks()
    {
        using var stage = new SessionStage().WithTelephoneAudio(""","turn_detection":null""");
        stage.Say(1_000);
        stage.BeSilent(2_000);
        Assert.Empty(stage.Events);

        stage.Send("""{"type":"input_audio_buffer.commit"}""");
        Assert.Equal(["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"], stage.Types);
        Assert.Equal(3_000 * 8, stage.Ear.FedSamples);

        stage.Ear.Understand("a question");
        stage.Send("""{"type":"response.create"}""");
        stage.Wait(5);
        Assert.Equal("a question", stage.Asked[0].Turns[0].Text);

        stage.Say(50);
        stage.Send("""{"type":"input_audio_buffer.commit"}""");
        Assert.Contains("50.00ms", (string)stage.LastError["message"]!);
    }

    [Fact]
    public void A_function_is_called_and_its_result_reaches_the_mind()
    {
        using var stage = new SessionStage();
        stage.Send("""
            {"type":"session.update","session":{"type":"realtime","tools":[{"type":"function","name":"lookup","parameters":{"type":"object","required":["query"]}}]}}
            """);
        stage.Mind = input => input.Turns.LastOrDefault()?.Role == MindRole.Tool ? new("It is red.") : new("One moment.", new("lookup", """{"query": "colour"}"""));
        stage.Send("""{"type":"response.create"}""");
        stage.Wait(5);

        Assert.Equal("query", Assert.Single(Assert.Single(stage.Asked[0].Tools).Required));
        var done = stage.Last("response.function_call_arguments.done");
        Assert.Equal("""{"query": "colour"}""", (string)done["arguments"]!);
        Assert.Equal("lookup", (string)done["name"]!);
        Assert.Equal(["message", "function_call"], stage.Last("response.done")["response"]!["output"]!.AsArray().Select(item => (string)item!["type"]!));

        stage.Send($$"""{"type":"conversation.item.create","item":{"type":"function_call_output","output":"red","call_id":"{{done["call_id"]}}" } }""");
        stage.Send("""{"type":"response.create"}""");
        stage.Wait(5);

        Assert.Equal("red", stage.Asked[1].Turns[^1].Text);
        Assert.Equal("It is red.", (string)stage.Last("response.output_audio_transcript.done")["transcript"]!);
    }

    [Fact]
    public void A_response_in_text_has_no_audio()
    {
        using var stage = new SessionStage();
        stage.Send("""{"type":"response.create","response":{"output_modalities":["text"]}}""");
        stage.Wait(5);

        Assert.Equal("One two three four.", (string)stage.Last("response.output_text.done")["text"]!);
        Assert.Equal("output_text", (string)stage.Last("response.done")["response"]!["output"]![0]!["content"]![0]!["type"]!);
        Assert.DoesNotContain(stage.Types, type => type.Contains("audio", StringComparison.Ordinal));
    }

    [Fact]
    public void A_response_outside_the_conversation_runs_beside_it_and_leaves_no_trace()
    {
        using var stage = new SessionStage();
        stage.Send("""{"type":"response.create"}""");
        stage.Send("""
            {"type":"response.create","response":{"conversation":"none","output_modalities":["text"],"instructions":"Classify.",
             "metadata":{"topic":"x"},"input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"apart"}]}]}}
            """);
        stage.Wait(10);

        var done = stage.Events.Where(e => (string)e["type"]! == "response.done").Select(e => e["response"]!).ToList();
        Assert.Equal(2, done.Count);
        Assert.Equal("x", (string)done.Single(response => response["conversation_id"] is null)["metadata"]!["topic"]!);
        Assert.Contains(stage.Asked, asked => asked is { Instructions: "Classify.", Turns: [{ Text: "apart" }] });
        Assert.Single(stage.Session.Conversation.Items);
    }

    [Fact]
    public void An_answer_beyond_the_token_limit_is_incomplete()
    {
        using var stage = new SessionStage();
        stage.Send("""{"type":"response.create","response":{"max_output_tokens":10}}""");
        stage.Wait(5);

        var response = stage.Last("response.done")["response"]!;
        Assert.Equal(("incomplete", "max_output_tokens"), ((string)response["status"]!, (string)response["status_details"]!["reason"]!));
    }

    [Fact]
    public void A_silent_caller_is_asked_after_the_idle_timeout()
    {
        using var stage = new SessionStage().WithTelephoneAudio(""","turn_detection":{"type":"server_vad","idle_timeout_ms":6000}""");
        stage.SayTurn("hello");
        stage.Wait(0.6);
        Assert.Contains("response.done", stage.Types);

        // 2 s of answer were sent in 0.4 s; the caller still hears it for the rest, then has 6 s.
        stage.Wait(7.4);
        Assert.DoesNotContain("input_audio_buffer.timeout_triggered", stage.Types);
        stage.Wait(0.3);

        var after = stage.Types.SkipWhile(type => type != "input_audio_buffer.timeout_triggered").Take(5);
        Assert.Equal(
            ["input_audio_buffer.timeout_triggered", "input_audio_buffer.committed", "conversation.item.added", "conversation.item.done", "response.created"],
            after);
    }

    [Fact]
    public void A_session_ends_at_its_age()
    {
        using var stage = new SessionStage();

        stage.Wait(3_599);
        Assert.Null(stage.Closed);
        stage.Wait(1);

        Assert.Equal("session_expired", (string)stage.LastError["code"]!);
        Assert.Equal((1001, "Your session hit the maximum duration of 60 minutes."), stage.Closed);
    }

    [Fact]
    public void A_mind_that_breaks_fails_the_response_and_not_the_session()
    {
        using var stage = new SessionStage { Mind = _ => throw new InvalidOperationException("lost my mind") };
        stage.Send("""{"type":"response.create"}""");
        stage.Wait(1);

        Assert.Equal("lost my mind", (string)stage.Last("response.done")["response"]!["status_details"]!["error"]!["message"]!);
        stage.Mind = _ => new("Back again.");
        stage.Send("""{"type":"response.create"}""");
        stage.Wait(5);
        Assert.Equal("completed", (string)stage.Last("response.done")["response"]!["status"]!);
    }

    [Fact]
    public void Items_are_inserted_retrieved_with_audio_and_deleted()
    {
        using var stage = new SessionStage().WithTelephoneAudio();
        stage.SayTurn("hello");
        var spoken = (string)stage.Last("input_audio_buffer.committed")["item_id"]!;
        stage.Wait(5);

        stage.Send("""
            {"type":"conversation.item.create","previous_item_id":"root","item":{"id":"first","type":"message","role":"system","content":[{"type":"input_text","text":"note"}]}}
            """);
        Assert.Null(stage.Last("conversation.item.added")["previous_item_id"]);
        stage.Send($$"""{"type":"conversation.item.retrieve","item_id":"{{spoken}}"}""");
        Assert.True(Convert.FromBase64String((string)stage.Last("conversation.item.retrieved")["item"]!["content"]![0]!["audio"]!).Length > 8 * 600);
        stage.Send($$"""{"type":"conversation.item.delete","item_id":"{{spoken}}"}""");

        Assert.Equal(spoken, (string)stage.Last("conversation.item.deleted")["item_id"]!);
        Assert.Equal(["first"], stage.Session.Conversation.Items.Where(item => item.Role != "assistant").Select(item => item.Id));
    }

    [Fact]
    public void The_voice_is_settled_with_the_first_audio()
    {
        using var stage = new SessionStage();
        const string Change = """{"type":"session.update","session":{"type":"realtime","audio":{"output":{"voice":"cedar"}}}}""";
        stage.Send(Change);
        Assert.Equal("session.updated", stage.Types.Last());
        stage.Send("""{"type":"response.create"}""");
        stage.Wait(5);

        stage.Send(Change.Replace("cedar", "ash", StringComparison.Ordinal));

        Assert.Equal("cannot_update_voice", (string)stage.LastError["code"]!);
    }

    [Fact]
    public void A_transcription_session_writes_down_and_never_answers()
    {
        using var stage = new SessionStage(model: null);
        stage.Send("""
            {"type":"session.update","session":{"type":"transcription","audio":{"input":{"format":{"type":"audio/pcmu"},"transcription":{"model":"whisper-1"}}}}}
            """);
        stage.SayTurn("note this");
        stage.Wait(5);

        Assert.Equal("duration", (string)stage.Last("conversation.item.input_audio_transcription.completed")["usage"]!["type"]!);
        Assert.DoesNotContain(stage.Types, type => type.StartsWith("response.", StringComparison.Ordinal));
    }

    [Fact]
    public void Mutated_client_events_break_nothing()
    {
        string[] seeds =
        [
            """{"type":"session.update","session":{"type":"realtime","audio":{"input":{"format":{"type":"audio/pcma"},"turn_detection":{"type":"semantic_vad","eagerness":"high"}}}}}""",
            """{"type":"input_audio_buffer.append","audio":"//////////8="}""",
            """{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_audio","audio":"AAAA"}]}}""",
            """{"type":"conversation.item.truncate","item_id":"item_1","content_index":0,"audio_end_ms":100}""",
            """{"type":"response.create","response":{"output_modalities":["text"],"tools":[{"type":"function","name":"f"}],"input":[{"type":"item_reference","id":"x"}]}}""",
        ];
        var random = new Random(20);
        using var stage = new SessionStage();
        for (var i = 0; i < 20_000; i++)
        {
            var bytes = System.Text.Encoding.UTF8.GetBytes(seeds[random.Next(seeds.Length)]);
            for (var edits = random.Next(4); edits > 0; edits--)
                bytes[random.Next(bytes.Length)] = (byte)random.Next(32, 256);
            stage.Session.Receive(bytes.AsSpan(0, random.Next(10) == 0 ? random.Next(bytes.Length) : bytes.Length));
            if (i % 100 == 0)
                stage.Wait(0.05);
            stage.Events.Clear();
        }

        stage.Send("""{"type":"input_audio_buffer.clear"}""");
        Assert.True(stage.Closed is not null || stage.Types.Contains("input_audio_buffer.cleared"), "The session no longer answers.");
    }

    private static List<string> WithoutRepeats(IEnumerable<string> types)
    {
        var list = new List<string>();
        foreach (var type in types)
        {
            // Words and audio interleave: one of each stands for all.
            if (!list.Contains(type) || !type.EndsWith(".delta", StringComparison.Ordinal))
                list.Add(type);
        }

        return list;
    }
}
