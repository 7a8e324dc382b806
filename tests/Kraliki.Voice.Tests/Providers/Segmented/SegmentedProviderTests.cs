using Kraliki.Contracts;
using Kraliki.LocalSpeech;
using Kraliki.Simulators.Chat;
using Kraliki.Simulators.Deepgram;
using Kraliki.Simulators.Faults;
using Kraliki.Simulators.OpenAI;
using Kraliki.Voice.Calls;
using Kraliki.Voice.Providers;
using Kraliki.Voice.Providers.Segmented;
using Kraliki.Voice.Tests.LocalSpeech;

namespace Kraliki.Voice.Tests.Providers.Segmented;

/// <summary>Ears, mind and voice against the simulated services over real sockets: what is said is spoken, what is heard is recognised.</summary>
public sealed class SegmentedProviderTests : IAsyncLifetime
{
    private static readonly CallTool Lookup = new(
        "lookup_booking", "Finds a booking.", """{"type":"object","properties":{"booking_number":{"type":"string"}},"required":["booking_number"]}""");

    private readonly ProviderRecorder _events = new();
    private DeepgramSimulator _deepgram = null!;
    private ChatSimulator _chat = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _deepgram = await DeepgramSimulator.StartAsync(
            new() { Keys = ["dg-test"], Recognizers = SharedEar.Recognizers, SpeakLatency = TimeSpan.Zero, OutputSpeed = 50 }, Cancel);
        _chat = await ChatSimulator.StartAsync(new() { Keys = ["sk-test"], ThinkTime = TimeSpan.Zero, WordTime = TimeSpan.Zero }, Cancel);
    }

    public async ValueTask DisposeAsync()
    {
        await _deepgram.DisposeAsync();
        await _chat.DisposeAsync();
    }

    [Fact]
    public async Task Caller_asks_and_is_answered_by_voice()
    {
        var connection = await Connect();
        connection.Greet();
        Assert.Equal(SmallTalk.Greeting, (await _events.Answer()).Text);

        await connection.Say("Good morning, when does your office open?");
        await _events.Await("started");
        await _events.Await("partial");
        await _events.Await("stopped");
        Assert.Contains("open", await _events.Await("final"), StringComparison.Ordinal);
        var answer = await _events.Answer();
        Assert.StartsWith("We are open from Monday", answer.Text, StringComparison.Ordinal);
        Assert.Equal(answer.Text, answer.Deltas);
        Assert.InRange(answer.Ms, 5_000, 20_000);

        connection.Close();
        await _events.Await("closed Requested");
        Assert.Equal([("deepgram", "nova-3"), ("llm", "gpt-4.1-mini"), ("deepgram", "aura-2-thalia-en")], _events.Usage.Select(use => (use.Provider, use.Model!)));
        Assert.True(_events.Usage[0] is { AudioInSeconds: > 2, Characters: 0 }, _events.Usage[0].ToString());
        Assert.True(_events.Usage[1] is { TextInTokens: > 50, TextOutTokens: > 10 }, _events.Usage[1].ToString());
        Assert.InRange(_events.Usage[2].Characters, SmallTalk.Greeting.Length + answer.Text.Length, SmallTalk.Greeting.Length + answer.Text.Length + 20);
    }

    [Fact]
    public async Task Caller_interrupts_and_the_model_forgets_unheard_words()
    {
        var connection = await Connect();
        connection.Instruct("Say: One two three four five six seven eight nine ten eleven twelve.");
        var answer = await _events.Answer();
        connection.Truncate(answer.TurnId, answer.Ms / 2);

        await connection.Say("Could you repeat that, please?");
        Assert.Equal(HeardText.Cut(answer.Text, answer.Ms / 2, answer.Ms), (await _events.Answer()).Text);
    }

    [Fact]
    public async Task Answer_that_is_stopped_in_the_middle_is_done_once_and_remembered_as_far_as_it_was_heard()
    {
        var connection = await Connect();
        _events.OnText = () =>
        {
            _events.OnText = null;
            connection.CancelAnswer();
        };
        connection.Instruct("Say: The first sentence is about cats. The second sentence is about dogs. The third sentence is about mice.");
        var answer = await _events.Answer();
        Assert.True(answer.Cancelled);
        connection.Truncate(answer.TurnId, 0);

        connection.Instruct("Say: The last word.");
        Assert.Equal("The last word.", (await _events.Answer()).Text);
        Assert.DoesNotContain(_chat.Requests[^1]["messages"]!.AsArray(), message => (string)message!["role"]! == "assistant");
    }

    [Fact]
    public async Task Line_that_is_put_while_an_answer_is_spoken_stands_behind_it_and_is_followed_next()
    {
        var connection = await Connect();
        _events.OnText = () =>
        {
            _events.OnText = null;
            connection.Instruct("Say: The last word.");
        };
        connection.Instruct("Say: The first sentence is about cats. The second sentence is about dogs.");
        Assert.StartsWith("The first sentence", (await _events.Answer()).Text, StringComparison.Ordinal);
        Assert.Equal("The last word.", (await _events.Answer()).Text);
        Assert.Equal("assistant", (string)_chat.Requests[^1]["messages"]!.AsArray()[^2]!["role"]!);
    }

    [Fact]
    public async Task Held_answer_follows_once_it_was_an_interruption()
    {
        var connection = await Connect();
        connection.HoldAnswers();
        await connection.Say("Where is your office?");
        await _events.Await("final");
        connection.ResumeAnswers(answerNow: true);
        Assert.Contains("River Street", (await _events.Answer()).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Backchannel_is_forgotten_and_not_answered()
    {
        var connection = await Connect();
        connection.HoldAnswers();
        await connection.Say("Okay.");
        await _events.Await("final");
        connection.ResumeAnswers(answerNow: false);

        // An answer to the "okay" would come before the one to the instruction.
        connection.Instruct("Say: The last word.");
        Assert.Equal("The last word.", (await _events.Answer()).Text);
        Assert.DoesNotContain(_chat.Requests[^1]["messages"]!.AsArray(), message => (string)message!["role"]! == "user");
    }

    [Fact]
    public async Task Words_that_come_after_a_sound_was_forgotten_are_answered()
    {
        var connection = await Connect();
        connection.HoldAnswers();
        _events.OnFinal = () => connection.ResumeAnswers(answerNow: true);
        await connection.Say("Where is your office?");
        connection.ResumeAnswers(answerNow: false);
        Assert.Contains("River Street", (await _events.Answer()).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Caller_who_speaks_on_gets_one_answer_to_all_of_it()
    {
        // It thinks until he speaks on.
        using var spokenOn = new CancellationTokenSource();
        await using var slow = await ChatSimulator.StartAsync(
            new()
            {
                ThinkTime = TimeSpan.Zero,
                WordTime = TimeSpan.Zero,
                Mind = input =>
                {
                    spokenOn.Token.WaitHandle.WaitOne();
                    return DemoMind.Think(input);
                },
            },
            Cancel);
        var connection = Provider(llm: slow.BaseUrl).Connect(Setup(), _events);
        await _events.Await("connected");
        await connection.Say("Good morning.");
        await _events.Await("final");
        await connection.Say("Where is your office?");
        await _events.Await("started c2");
        await spokenOn.CancelAsync();
        Assert.Contains("River Street", (await _events.Answer()).Text, StringComparison.Ordinal);
        var users = slow.Requests[^1]["messages"]!.AsArray().Where(message => (string)message!["role"]! == "user").ToList();
        Assert.Equal(2, users.Count);
        Assert.Single(_events.Seen, line => line.StartsWith("done", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Eight_seconds_told_again_at_once_are_understood_like_speech()
    {
        var connection = await Connect();
        short[] told =
        [
            .. new short[8_000], .. SpeechSynthesizer.Speak("I would like to change my booking.", VoiceName.Rms), .. new short[8_000],
            .. SpeechSynthesizer.Speak("The number is four seven one nine.", VoiceName.Rms), .. new short[12_000],
        ];
        Assert.True(told.Length >= 8 * 8_000);
        await connection.Hear(told);
        Assert.Contains("change", await _events.Await("final c1"), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("four", await _events.Await("final c2"), StringComparison.OrdinalIgnoreCase);

        // The answer to the first turn may have begun, or be over, when the second came.
        string answer = (await _events.AnswerInAnyOrder()).Text;
        Assert.Contains("I found booking", answer.Contains("booking number", StringComparison.Ordinal) ? (await _events.AnswerInAnyOrder()).Text : answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tool_is_asked_for_and_its_result_answered()
    {
        var connection = Provider().Connect(Setup() with { Tools = [Lookup] }, _events);
        await _events.Await("connected");
        await connection.Say("My booking number is four seven one nine.");
        Assert.Equal("One moment, I am looking it up.", (await _events.Answer()).Text);
        await _events.Await("tool lookup_booking");

        connection.ProvideToolResult(new ToolCalled("call_1", "lookup_booking", """{"booking_number":"4719"}""", """{"city":"Rome"}"""));
        Assert.Equal("I found this. city: Rome.", (await _events.Answer()).Text);
    }

    [Fact]
    public async Task Tool_that_is_not_offered_any_more_is_not_asked_for()
    {
        var connection = await Connect();
        connection.OfferTools([]);
        await connection.Say("Thank you very much, goodbye.");
        Assert.Contains("Goodbye", (await _events.Answer()).Text, StringComparison.Ordinal);
        Assert.Null(_chat.Requests[^1]["tools"]);
    }

    [Fact]
    public async Task Goodbye_asks_to_end_the_call()
    {
        var connection = await Connect();
        await connection.Say("Thank you very much, goodbye.");
        Assert.Contains("Goodbye", (await _events.Answer()).Text, StringComparison.Ordinal);
        await _events.Await("tool end_call");
    }

    [Fact]
    public async Task Continued_call_remembers_what_was_said_before()
    {
        var connection = await Connect(
            new TurnFinished("1", LegRole.Caller, "i would like to change my booking", 0, 1000),
            new TurnFinished("2", LegRole.Ai, "Please tell me your booking number.", 1000, 3000));
        await connection.Say("It is four seven one nine.");
        Assert.Contains("I found booking", (await _events.Answer()).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Answer_is_picked_up_with_the_words_in_front()
    {
        var connection = await Connect(
            new TurnFinished("1", LegRole.Ai, SmallTalk.Greeting, 0, 1000),
            new TurnFinished("2", LegRole.Caller, "where is your office", 1000, 3000));
        connection.PickUp("Sorry about that.", PickUpRest.Answer);
        var answer = await _events.Answer();
        Assert.StartsWith("Sorry about that.", answer.Text, StringComparison.Ordinal);
        Assert.Contains("River Street", answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Caller_who_hangs_up_in_the_middle_of_a_word_is_written_down()
    {
        var connection = await Connect();
        await connection.Hear([.. new short[1600], .. SpeechSynthesizer.Speak("Where is your office?", VoiceName.Rms)]);
        Assert.Contains("office", await _events.Await("final"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(FaultKind.Drop, null, "closed Lost")]
    [InlineData(FaultKind.Close, "1011", "closed Error")]
    [InlineData(FaultKind.Expire, null, "closed Expired")]
    [InlineData(FaultKind.Garbage, null, "notice invalid_json")]
    public async Task Each_fault_of_the_ears_is_reported_as_what_it_is(FaultKind kind, string? code, string reported)
    {
        _deepgram.ListenFaults.Arm(new Fault(kind, new FaultMoment(On: "SpeechStarted"), code, "fault"));
        var connection = await Connect();
        await connection.Say("Where is your office?");
        Assert.Contains("recognition", await _events.Await(reported), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(FaultKind.Drop, null, "closed Lost")]
    [InlineData(FaultKind.Close, "1011", "closed Error")]
    [InlineData(FaultKind.Expire, null, "closed Expired")]
    [InlineData(FaultKind.Garbage, null, "notice invalid_json")]
    public async Task Each_fault_of_the_voice_in_the_middle_of_an_answer_is_reported_as_what_it_is(FaultKind kind, string? code, string reported)
    {
        _deepgram.SpeakFaults.Arm(new Fault(kind, new FaultMoment(On: "audio"), code, "fault"));
        var connection = await Connect();
        connection.Greet();
        Assert.Contains("synthesis", await _events.Await(reported), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(FaultKind.Drop, null, "failed llm_unreachable")]
    [InlineData(FaultKind.Close, null, "failed llm_broke_off")]
    [InlineData(FaultKind.Garbage, null, "failed llm_invalid_json")]
    [InlineData(FaultKind.ErrorEvent, "server_error", "failed llm_")]
    public async Task Mind_that_dies_in_the_middle_of_an_answer_is_named_before_the_answer_is_closed(FaultKind kind, string? code, string reported)
    {
        _chat.Faults.Arm(new Fault(kind, new FaultMoment(AfterFrames: 4), code));
        var connection = await Connect();
        connection.Greet();
        await _events.Await(reported);
        Assert.DoesNotContain(_events.Seen, line => line.StartsWith("done", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("429", "failed llm_rate_limited")]
    [InlineData("500", "failed llm_refused")]
    [InlineData("401", "closed Unauthorized")]
    public async Task Mind_that_refuses_is_named_with_the_cause(string status, string reported)
    {
        _chat.Faults.Arm(new Fault(FaultKind.Refuse, Code: status));
        var connection = await Connect();
        connection.Greet();
        await _events.Await(reported);
    }

    [Theory]
    [InlineData("429")]
    [InlineData("503")]
    public async Task Voice_that_is_refused_is_named_as_the_cause(string status)
    {
        _deepgram.SpeakFaults.Arm(new Fault(FaultKind.Refuse, Code: status));
        _ = Provider().Connect(Setup(), _events);
        string closed = await _events.Await("closed Refused");
        Assert.Contains("speech synthesis", closed, StringComparison.Ordinal);
        Assert.Contains(status, closed, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Wrong_key_is_named_as_the_cause()
    {
        _ = Provider(key: "wrong").Connect(Setup(), _events);
        Assert.Contains("API key", await _events.Await("closed Unauthorized"), StringComparison.Ordinal);
    }

    private async Task<IProviderConnection> Connect(params TurnFinished[] history)
    {
        var connection = Provider().Connect(Setup(history), _events);
        await _events.Await("connected");
        return connection;
    }

    private static ProviderSetup Setup(params TurnFinished[] history) =>
        new(Guid.CreateVersion7(), "You are the demo assistant.", new ConversationContext(history), CallTool.All);

    private SegmentedProvider Provider(string key = "dg-test", Uri? llm = null) => new(
        new DeepgramOptions { ApiKey = key, BaseUrl = _deepgram.BaseUrl },
        new LlmOptions { ApiKey = "sk-test", BaseUrl = llm ?? _chat.BaseUrl },
        TimeProvider.System);
}
