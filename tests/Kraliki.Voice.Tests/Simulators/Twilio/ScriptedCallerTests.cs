using Kraliki.Simulators.Callers;

namespace Kraliki.Voice.Tests.Simulators.Twilio;

/// <summary>Conversations on a virtual clock: the agent speaks in given windows, every line of the caller takes 400 ms.</summary>
public sealed class ScriptedCallerTests
{
    private readonly List<string> _happened = [];

    [Fact]
    public void The_caller_waits_until_the_agent_has_finished()
    {
        var caller = Caller("- say: hello\n- hang_up: true");

        var hungUpAt = Run(caller, (200, 1000), (1300, 2000), (4000, 5000));

        // 700 ms after the end of the greeting, whose pause of 300 ms is no end; and 700 ms after the answer.
        var line = Assert.Single(caller.Log.Lines);
        Assert.Equal((2700, 5700), (line.StartMs, hungUpAt));
        Assert.Equal([new SpeechWindow(200, 2000), new SpeechWindow(4000, 5000)], caller.Ear.Windows);
    }

    [Fact]
    public void An_interruption_starts_while_the_agent_speaks_and_the_clear_is_measured()
    {
        var caller = Caller("- interrupt: stop\n  after: 1s\n- hang_up: true");

        Run(caller, at => { if (at == 1260) caller.Log.Cleared(at); if (at == 2500) caller.Log.AnswerArrived(at); }, (100, 1260), (2500, 3000));

        var line = Assert.Single(caller.Log.Lines);
        Assert.True(line.OverAgent);
        Assert.Equal(1100, line.StartMs);
        Assert.Equal(160, line.ClearedAfterMs);
        Assert.Equal(2500 - line.EndMs, line.FirstAnswerMs);
    }

    [Fact]
    public void A_backchannel_leaves_the_turn_with_the_agent()
    {
        var caller = Caller("- backchannel: mm\n  after: 500ms\n- say: next\n- hang_up: true");

        Run(caller, (100, 3000), (5000, 6000));

        Assert.Equal([600, 3700], caller.Log.Lines.Select(line => line.StartMs));
        Assert.Null(caller.Log.Lines[0].ClearedAfterMs);
    }

    [Fact]
    public void A_script_that_repeats_begins_again_after_the_answer()
    {
        var caller = Caller("- say: hello\n- repeat: true");

        Assert.Throws<TimeoutException>(() => Run(caller, (0, 300), (1500, 1800), (3000, 3300)));

        // 700 ms after the end of each answer.
        Assert.Equal([1000, 2500, 4000], caller.Log.Lines.Take(3).Select(line => line.StartMs));
        Assert.All(caller.Log.Lines, line => Assert.Equal("hello", line.Text));
    }

    [Fact]
    public void Nobody_answers_and_the_caller_goes_on_after_the_time_out()
    {
        var caller = Caller("- say: hello\n  timeout: 2s\n- hang_up: true\n  timeout: 1s");

        var hungUpAt = Run(caller);

        Assert.Equal(2000, caller.Log.Lines[0].StartMs);
        Assert.Equal(caller.Log.Lines[0].EndMs + 1000, hungUpAt);
        Assert.Contains("TimedOut step 1: the agent was silent for 2 s", _happened);
    }

    [Fact]
    public void A_long_wait_is_not_cut_by_the_agent_s_silence() => Assert.Equal(20_000, Run(Caller("- wait: 20s\n- hang_up: true\n  after: 0ms")));

    [Fact]
    public void Keys_are_pressed_one_by_one_and_are_a_turn()
    {
        var caller = Caller("- dtmf: 1w2\n  after: 0ms\n- hang_up: true");
        var keys = new List<(long At, char Digit)>();

        var hungUpAt = Run(caller, at => { }, keys, (2000, 2500));

        Assert.Equal([(0L, '1'), (620L, '2')], keys);
        Assert.Equal(3200, hungUpAt);
    }

    [Fact]
    public void Expectations_are_placed_behind_the_line_they_are_about()
    {
        var caller = Caller("- expect: hello\n- say: hours\n- expect: nine\n- expect: six\n- hang_up: true");

        Run(caller, (0, 500), (3000, 4000));

        Assert.Equal([("hello", -1), ("nine", 0), ("six", 0)], caller.Log.Expectations.Select(expected => (expected.Description, expected.AfterLine)));
    }

    [Fact]
    public void A_script_that_expects_the_end_hangs_up_itself_only_after_its_time()
    {
        var caller = Caller("- expect_end: 3s");

        Assert.True(caller.ExpectsEnd);
        Assert.Equal(3000, Run(caller, (0, 500)));
    }

    [Fact]
    public void Background_noise_is_heard_under_and_between_the_lines()
    {
        var caller = Caller("- say: hello\n  after: 100ms\n- hang_up: true\n  after: 100ms", "noise_db: 20\n");
        var said = new byte[Mulaw.FrameSize];

        caller.Frame(0, Silence(), said);

        var level = said.Average(code => Math.Abs((double)Mulaw.Decode(code)));
        Assert.InRange(level, 100, 1000);
    }

    private ScriptedCaller Caller(string steps, string root = "")
    {
        var script = CallerScriptReader.Read($"name: t\ntitle: t\n{root}steps:\n{steps}", "test");
        var lines = new SpokenLines((_, _) => Tone(400));
        return new ScriptedCaller(script, lines.Prepare(script), new ConversationLog(), (kind, text) => _happened.Add($"{kind} {text}".Trim()));
    }

    private static long Run(ScriptedCaller caller, params (long From, long To)[] agent) => Run(caller, _ => { }, agent);

    private static long Run(ScriptedCaller caller, Action<long> each, params (long From, long To)[] agent) => Run(caller, each, [], agent);

    /// <returns>When the caller hung up.</returns>
    private static long Run(ScriptedCaller caller, Action<long> each, List<(long, char)> keys, params (long From, long To)[] agent)
    {
        var speech = Tone(20).Select(sample => Mulaw.Encode(sample)).ToArray();
        var said = new byte[Mulaw.FrameSize];
        for (long at = 0; at < 60_000; at += 20)
        {
            var act = caller.Frame(at, agent.Any(window => at >= window.From && at < window.To) ? speech : Silence(), said);
            each(at);
            if (act.Digit is { } digit)
                keys.Add((at, digit));
            if (act.HangUp)
                return at;
        }
        throw new TimeoutException("The caller did not hang up within a minute.");
    }

    private static byte[] Silence() => [.. Enumerable.Repeat(Mulaw.Silence, Mulaw.FrameSize)];

    private static short[] Tone(int ms) => [.. Enumerable.Range(0, ms * 8).Select(i => (short)(4000 * (i / 4 % 2 == 0 ? 1 : -1)))];
}
