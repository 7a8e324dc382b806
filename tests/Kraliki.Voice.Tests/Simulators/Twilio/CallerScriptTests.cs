using Kraliki.Simulators.Callers;

namespace Kraliki.Voice.Tests.Simulators.Twilio;

public sealed class CallerScriptTests
{
    [Fact]
    public void Every_step_of_the_grammar_is_read()
    {
        var script = CallerScriptReader.Read("""
            name: all
            title: Everything
            voice: SLT
            from: "+420601234567"
            noise_db: 18.5
            steps:
              - say: Hello
              - expect: /open|close/
              - say: And?
                after: 800ms
                timeout: 3s
              - interrupt: Wait
              - backchannel: uh-huh
                after: speech + 2s
              - cough: 250ms
              - dtmf: "12#"
              - wait: 1.5s
              - hang_up: true
                after: speech
              - expect_end: 20s
            """, "all.yaml");

        Assert.Equal(("all", "slt", "+420601234567", 18.5), (script.Name, script.Voice, script.From, script.NoiseDb));
        Assert.Equal(
        [
            new SpeakStep(LineKind.Say, "Hello", StepTiming.Answered, ScriptStep.DefaultTimeout),
            new ExpectStep(new ScriptExpectation("/open|close/")),
            new SpeakStep(LineKind.Say, "And?", After(TimingKind.Elapsed, 800), TimeSpan.FromSeconds(3)),
            new SpeakStep(LineKind.Interrupt, "Wait", After(TimingKind.Speech, 1500), ScriptStep.DefaultTimeout),
            new SpeakStep(LineKind.Backchannel, "uh-huh", After(TimingKind.Speech, 2000), ScriptStep.DefaultTimeout),
            new SoundStep("cough", TimeSpan.FromMilliseconds(250), StepTiming.AtOnce, ScriptStep.DefaultTimeout),
            new KeysStep("12#", StepTiming.Answered, ScriptStep.DefaultTimeout),
            new WaitStep(After(TimingKind.Elapsed, 1500)),
            new HangUpStep(After(TimingKind.Speech, 0), ScriptStep.DefaultTimeout),
            new ExpectEndStep(TimeSpan.FromSeconds(20)),
        ], script.Steps);
    }

    [Theory]
    [InlineData("name: a\ntitle: b\ncolour: red\nsteps:\n- say: x", "s.yaml, line 3, key 'colour': unknown")]
    [InlineData("name: a\ntitle: b\nsteps:\n- say: x\n- shout: y", "s.yaml, line 5, key 'shout': unknown")]
    [InlineData("title: b\nsteps:\n- say: x", "key 'name': is missing")]
    [InlineData("name: a\ntitle: b\nsteps: []", "key 'steps': must have at least one step")]
    [InlineData("name: a\ntitle: b\nsteps:\n- say: x\n  dtmf: 1", "line 5, key 'dtmf': a step does one thing")]
    [InlineData("name: a\ntitle: b\nsteps:\n- after: 2s", "key 'steps': the step has none of")]
    [InlineData("name: a\ntitle: b\nsteps:\n- say: x\n  after: soon", "line 5, key 'after': 'soon' is no time")]
    [InlineData("name: a\ntitle: b\nsteps:\n- dtmf: 12x", "line 4, key 'dtmf': takes 0-9")]
    [InlineData("name: a\ntitle: b\nsteps:\n- expect: '/(/'", "line 4, key 'expect': is no regular expression")]
    [InlineData("name: a\ntitle: b\nvoice: bob\nsteps:\n- say: x", "line 3, key 'voice': there is no voice 'bob'")]
    [InlineData("name: a\ntitle: b\nsteps:\n- wait: 1s\n- repeat: true", "key 'steps': repeat needs a line")]
    [InlineData("name: a\n title: b", "s.yaml, line 2: this is not YAML")]
    public void A_mistake_is_named_with_file_line_and_key(string yaml, string complaint)
    {
        var wrong = Assert.Throws<FormatException>(() => CallerScriptReader.Read(yaml, "s.yaml"));

        Assert.Contains(complaint, wrong.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/open|close/", "We are OPEN from nine.", true)]
    [InlineData("/^open/", "We are open.", false)]
    [InlineData("friday moved", "It is moved to Friday.", true)]
    [InlineData("friday moved", "It stays on Friday.", false)]
    public void An_expectation_is_a_regular_expression_or_words_in_any_order(string expected, string reply, bool met) =>
        Assert.Equal(met, new ScriptExpectation(expected).IsMetBy(reply));

    [Fact]
    public void The_scripts_that_come_along_can_be_read_and_the_default_is_first()
    {
        Assert.Equal("booking", CallerScripts.Default.Name);
        Assert.Superset(
            new HashSet<string> { "booking", "interruption", "keypad", "noise", "impatient", "silent" }, CallerScripts.All.Select(script => script.Name).ToHashSet());
        Assert.All(CallerScripts.All, script => Assert.InRange(script.ApproximateSeconds, 5, 120));
    }

    [Fact]
    public void An_unknown_name_tells_the_known_ones() =>
        Assert.Contains("booking", Assert.Throws<ArgumentException>(() => CallerScripts.Find("bokking")).Message, StringComparison.Ordinal);

    private static StepTiming After(TimingKind kind, int ms) => new(kind, TimeSpan.FromMilliseconds(ms));
}
