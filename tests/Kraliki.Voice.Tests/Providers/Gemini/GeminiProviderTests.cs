using Kraliki.Contracts;
using Kraliki.LocalSpeech;
using Kraliki.Simulators.Faults;
using Kraliki.Simulators.Gemini;
using Kraliki.Voice.Providers;
using Kraliki.Voice.Providers.Gemini;
using Kraliki.Voice.Tests.LocalSpeech;

namespace Kraliki.Voice.Tests.Providers.Gemini;

/// <summary>The provider against the simulated service over a real socket: what is said is spoken, what is heard is recognised.</summary>
public sealed class GeminiProviderTests : IAsyncLifetime
{
    private static readonly GeminiSimulatorOptions Quick = new()
    {
        Keys = ["g-test"],
        Recognizers = SharedEar.Recognizers,
        ThinkTime = TimeSpan.Zero,
        OutputSpeed = 50,
    };

    private readonly ProviderRecorder _events = new();
    private GeminiSimulator _simulator = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _simulator = await GeminiSimulator.StartAsync(Quick, Cancel);

    public ValueTask DisposeAsync() => _simulator.DisposeAsync();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Caller_asks_and_is_answered_by_voice(bool textFrames)
    {
        await Restart(Quick with { TextFrames = textFrames, AwaitsPlayback = true });
        var connection = await Connect();
        connection.Greet();
        var greeting = await _events.AnswerInAnyOrder();
        Assert.Equal(SmallTalk.Greeting, greeting.Text);

        await connection.Say("Good morning, when does your office open?");
        await _events.Await("started");
        await _events.Await("stopped");
        Assert.Contains("open", await _events.Await("final"), StringComparison.Ordinal);
        var answer = await _events.AnswerInAnyOrder();
        Assert.StartsWith("We are open from Monday", answer.Text, StringComparison.Ordinal);
        Assert.Equal(answer.Text, answer.Deltas);
        Assert.InRange(answer.Ms, 5_000, 20_000);
        Assert.NotEqual(greeting.TurnId, answer.TurnId);

        connection.Close();
        await _events.Await("closed Requested");

        // Of the greeting at least: what a turn used comes with its end, which waits for the playback.
        var used = Assert.Single(_events.Usage);
        Assert.True(used is { Model: "gemini-3.8-live", TextInTokens: > 0, AudioOutTokens: > 50, AudioInSeconds: > 1, AudioOutSeconds: > 5 }, used.ToString());
    }

    [Fact]
    public async Task Caller_interrupts_and_the_model_forgets_unheard_words()
    {
        var connection = await Connect();
        connection.Instruct("Say: One two three four five six seven eight nine ten eleven twelve.");
        var answer = await _events.AnswerInAnyOrder();
        connection.Truncate(answer.TurnId, answer.Ms / 2);

        await connection.Say("Could you repeat that, please?");
        var again = await _events.AnswerInAnyOrder();
        Assert.StartsWith("One two three", again.Text, StringComparison.Ordinal);
        Assert.EndsWith("six", again.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Answer_that_is_still_coming_ends_when_the_caller_takes_the_turn()
    {
        await Restart(Quick with { OutputSpeed = 2 });
        var connection = await Connect();

        // Longer than any machine takes to understand what the caller says.
        connection.Instruct($"Say: {string.Concat(Enumerable.Repeat("This is a long sentence. It goes on and on. Nobody listens to it any more. It is never over. ", 10))}");
        string line = await _events.Await("text a1");
        Assert.Contains("text a1", line, StringComparison.Ordinal);

        connection.HoldAnswers();
        await connection.Say("Where is your office?");
        await _events.Await("final c1 where");
        connection.CancelAnswer();
        connection.Truncate("unknown", 0);
        connection.ResumeAnswers(answerNow: true);

        var cut = await _events.AnswerInAnyOrder();
        Assert.True(cut.Cancelled, "the answer in progress was not reported as cancelled");
        Assert.Contains("River Street", (await _events.AnswerInAnyOrder()).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Held_answer_follows_once_it_was_an_interruption()
    {
        var connection = await Connect();
        connection.HoldAnswers();
        await connection.Say("Where is your office?");
        await _events.Await("final c1 where");
        connection.ResumeAnswers(answerNow: true);
        Assert.Contains("River Street", (await _events.AnswerInAnyOrder()).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Backchannel_is_not_answered_and_the_next_turn_is()
    {
        var connection = await Connect();
        connection.HoldAnswers();
        await connection.Say("Okay.");
        await _events.Await("final");
        connection.ResumeAnswers(answerNow: false);

        // An answer to the "okay" would come before the one to the instruction.
        connection.Instruct("Say: The last word.");
        Assert.Equal("The last word.", (await _events.AnswerInAnyOrder()).Text);

        await connection.Say("Where is your office?");
        await _events.Await("final c2 where");
        Assert.Contains("River Street", (await _events.AnswerInAnyOrder()).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Words_that_come_after_the_verdict_are_answered_after_all()
    {
        var connection = await Connect();
        connection.HoldAnswers();
        await connection.Say("Where is your office?");
        connection.ResumeAnswers(answerNow: false);
        _events.OnFinal = () => connection.ResumeAnswers(answerNow: true);
        await _events.Await("final c1 where");
        Assert.Contains("River Street", (await _events.AnswerInAnyOrder()).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Eight_seconds_told_at_once_lose_no_word()
    {
        var connection = await Connect();
        short[] told =
        [
            .. new short[4_000],
            .. SpeechSynthesizer.Speak("Hello. I would like to change my booking.", VoiceName.Rms),
            .. new short[1_600],
            .. SpeechSynthesizer.Speak("The number is four seven one nine.", VoiceName.Rms),
        ];
        await connection.Hear([.. told, .. new short[Math.Max(6_400, 64_000 - told.Length)]]);
        string words = "";
        while (!words.Contains("nine", StringComparison.Ordinal))
        {
            words += await _events.Await("final");
        }

        Assert.Contains("change my booking", words, StringComparison.Ordinal);
        Assert.Contains("seven one nine", words, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Goodbye_asks_to_end_the_call()
    {
        var connection = await Connect();
        await connection.Say("Thank you very much, goodbye.");
        Assert.Contains("Goodbye", (await _events.AnswerInAnyOrder()).Text, StringComparison.Ordinal);
        await _events.Await("tool end_call");
    }

    [Theory]
    [InlineData("""{"status":"confirmed"}""")]
    [InlineData("confirmed")]
    public async Task Tool_is_asked_for_and_its_result_is_told(string result)
    {
        var lookup = new CallTool("lookup_booking", "Finds a booking.", """{"type":"object","properties":{"number":{"type":"string"}},"required":["number"]}""");
        var connection = await Connect([lookup]);
        await connection.Say("What about my booking four seven one nine?");
        await _events.AnswerInAnyOrder();
        await _events.Await("tool lookup_booking");
        connection.ProvideToolResult(new ToolCalled(_events.ToolCalls[^1].CallId, "lookup_booking", _events.ToolCalls[^1].Arguments, result));
        Assert.Contains("confirmed", (await _events.AnswerInAnyOrder()).Text, StringComparison.Ordinal);
        Assert.Contains("719", _events.ToolCalls[^1].Arguments, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tool_that_another_provider_had_asked_for_is_told_as_well()
    {
        var connection = await Connect();
        connection.ProvideToolResult(new ToolCalled("call_of_another", "lookup_booking", "{}", """{"status":"confirmed"}"""));
        Assert.Contains("confirmed", (await _events.AnswerInAnyOrder()).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tool_is_no_longer_wanted_when_the_caller_interrupts()
    {
        var lookup = new CallTool("lookup_booking", "Finds a booking.", """{"type":"object","properties":{"number":{"type":"string"}},"required":["number"]}""");
        var connection = await Connect([lookup]);
        await connection.Say("What about my booking four seven one nine?");
        await _events.AnswerInAnyOrder();
        await _events.Await("tool lookup_booking");
        connection.Instruct("Say: Never mind.");
        await _events.Await($"tool {_events.ToolCalls[^1].CallId} cancelled");
        Assert.Equal("Never mind.", (await _events.AnswerInAnyOrder()).Text);
    }

    [Fact]
    public async Task Continued_call_remembers_what_was_said_before()
    {
        var connection = await Connect(history:
        [
            new TurnFinished("1", LegRole.Caller, "i would like to change my booking", 0, 1000),
            new TurnFinished("2", LegRole.Ai, "Please tell me your booking number.", 1000, 3000),
        ]);
        await connection.Say("It is four seven one nine.");
        Assert.Contains("I found booking", (await _events.AnswerInAnyOrder()).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connection_that_ends_goes_on_in_another_one_by_its_handle()
    {
        await Restart(Quick with { ConnectionLifetime = TimeSpan.FromSeconds(61), GoAwayBefore = TimeSpan.FromSeconds(60) });
        var first = await Connect();
        first.Remember([new TurnFinished("1", LegRole.Caller, "i would like to change my booking", 0, 1000), new TurnFinished("2", LegRole.Ai, "Please tell me your booking number.", 1000, 3000)]);
        first.Instruct("Say: One moment.");
        await _events.AnswerInAnyOrder();
        await _events.Await("expiring 60");
        Assert.NotNull(first.ResumeHandle);

        var second = await Connect(resume: first.ResumeHandle);
        first.Close();
        await second.Say("It is four seven one nine.");
        Assert.Contains("I found booking", (await _events.AnswerInAnyOrder()).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Handle_that_is_not_known_any_more_costs_only_a_second_try()
    {
        var connection = await Connect(resume: "forgotten", history: [new TurnFinished("1", LegRole.Caller, "where is your office", 0, 1000)]);
        connection.PickUp("", PickUpRest.Answer);
        Assert.Contains("River Street", (await _events.AnswerInAnyOrder()).Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(FaultKind.Drop, null, "", "closed Lost")]
    [InlineData(FaultKind.Close, "1011", "Internal error encountered.", "closed Error")]
    [InlineData(FaultKind.Close, "1011", "You exceeded your current quota, please check your plan.", "closed Error Gemini's quota")]
    [InlineData(FaultKind.Close, "1011", "Deadline expired before operation could complete.", "closed Expired")]
    [InlineData(FaultKind.Close, "1007", "API key expired. Please renew the API key.", "closed Unauthorized")]
    [InlineData(FaultKind.Close, "1001", "", "closed Lost")]
    [InlineData(FaultKind.ErrorEvent, null, "Internal error encountered.", "closed Error")]
    [InlineData(FaultKind.Garbage, null, "", "notice invalid_json")]
    public async Task Each_fault_in_the_middle_of_an_answer_is_reported_as_what_it_is(FaultKind kind, string? code, string reason, string reported)
    {
        _simulator.Faults.Arm(new Fault(kind, new FaultMoment(On: "modelTurn"), code, reason));
        var connection = await Connect();
        connection.Greet();
        await _events.Await(reported);
    }

    [Theory]
    [InlineData("g-wrong", "gemini-3.8-live", "closed Unauthorized")]
    [InlineData("g-test", "gemini-1.0", "closed Refused Gemini does not offer the model gemini-1.0")]
    public async Task Refusal_names_its_cause(string key, string model, string reported)
    {
        var provider = new GeminiProvider(new GeminiOptions { ApiKey = key, BaseUrl = _simulator.BaseUrl, Model = model }, TimeProvider.System);
        _ = provider.Connect(new(Guid.CreateVersion7(), "", ConversationContext.Empty, CallTool.All), _events);
        string line = await _events.Await("closed");
        Assert.StartsWith(reported, line, StringComparison.Ordinal);
        Assert.DoesNotContain(key == "g-wrong" ? "g-wrong" : "g-test", line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("401", "closed Unauthorized")]
    [InlineData("429", "closed Refused")]
    public async Task Refused_upgrade_is_told(string status, string reported)
    {
        _simulator.Faults.Arm(new Fault(FaultKind.Refuse, Code: status));
        _ = Provider().Connect(new(Guid.CreateVersion7(), "", ConversationContext.Empty, CallTool.All), _events);
        await _events.Await(reported);
    }

    private async Task Restart(GeminiSimulatorOptions options)
    {
        await _simulator.DisposeAsync();
        _simulator = await GeminiSimulator.StartAsync(options, Cancel);
    }

    private async Task<IProviderConnection> Connect(IReadOnlyList<CallTool>? tools = null, IReadOnlyList<SessionFact>? history = null, string? resume = null)
    {
        var setup = new ProviderSetup(Guid.CreateVersion7(), "You are the demo assistant.", new ConversationContext(history ?? []), tools ?? CallTool.All) { ResumeHandle = resume };
        var connection = Provider().Connect(setup, _events);
        await _events.Await("connected");
        return connection;
    }

    private GeminiProvider Provider() => new(new GeminiOptions { ApiKey = "g-test", BaseUrl = _simulator.BaseUrl }, TimeProvider.System);
}
