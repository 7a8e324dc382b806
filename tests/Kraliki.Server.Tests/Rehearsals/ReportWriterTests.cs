using Kraliki.Contracts;
using Kraliki.Server.Rehearsals;
using Kraliki.Simulators.Callers;
using Kraliki.Simulators.Twilio;

namespace Kraliki.Server.Tests.Rehearsals;

public sealed class ReportWriterTests
{
    [Fact]
    public void Turns_are_matched_to_the_lines_they_overlap()
    {
        var report = Write(
            [Line("Hello there", 1000, 2000), Line("Goodbye now", 8000, 9000)],
            [Heard("hello there", 1150, 2100), Said("How can I help?", 2500), Heard("good buy now", 8200, 9100)]);

        Assert.Equal(
            [(LegRole.Caller, "Hello there", "hello there"), (LegRole.Ai, null, "How can I help?"), (LegRole.Caller, "Goodbye now", "good buy now")],
            report.Turns.Select(turn => (turn.Speaker, turn.Said, turn.Heard)));
        Assert.Equal(0.5, report.WordErrorRate);
    }

    [Fact]
    public void A_line_that_was_heard_in_two_turns_is_one_line()
    {
        var report = Write([Line("One two three four", 1000, 5000)], [Heard("one two", 1100, 2500), Heard("three four", 3000, 5100)]);

        Assert.Equal("one two three four", Assert.Single(report.Turns).Heard);
        Assert.Equal(0, report.WordErrorRate);
    }

    [Fact]
    public void A_line_that_nobody_heard_and_words_that_nobody_said_are_errors()
    {
        var report = Write([Line("One two", 1000, 2000)], [Heard("three", 20_000, 21_000)]);

        Assert.Equal([("One two", null), (null, "three")], report.Turns.Select(turn => (turn.Said, turn.Heard)));
        Assert.Equal(1.5, report.WordErrorRate);
    }

    [Fact]
    public void A_sign_of_listening_is_not_held_against_the_recogniser()
    {
        var report = Write([Line("One two", 1000, 2000), Line("uh-huh", 4000, 4300, LineKind.Backchannel)], [Heard("one two", 1000, 2000)]);

        Assert.Equal(0, report.WordErrorRate);
    }

    [Fact]
    public void Without_a_spoken_word_there_is_no_word_error_rate() => Assert.Null(Write([], [Said("Hello?", 0)]).WordErrorRate);

    [Fact]
    public void An_expectation_is_about_the_answer_to_its_line_and_no_other()
    {
        var lines = new[] { Line("Hello", 1000, 2000), Line("mm hmm", 4000, 4300, LineKind.Backchannel), Line("Bye", 8000, 9000) };
        var turns = new[] { Said("Welcome to Rome.", 100), Said("We are open", 2500), Said("until six.", 5000), Said("Goodbye from Rome.", 9500) };

        var report = ReportWriter.Write(
            Call(lines, new PlacedExpectation("open six", 0, 2000), new PlacedExpectation("rome", 0, 2000), new PlacedExpectation("/good.?bye/", 2, 9000), new PlacedExpectation("welcome", -1, 0)),
            turns,
            EndReason.CallerHungUp);

        Assert.Equal([true, false, true, true], report.Expectations.Select(expectation => expectation.Met));
        Assert.Equal("We are open until six.", report.Expectations[1].Found);
        Assert.Equal(EndReason.CallerHungUp, report.EndReason);
    }

    [Fact]
    public void Latencies_are_those_that_the_caller_measured()
    {
        var report = Write(
            [
                Line("One", 1000, 2000) with { FirstAnswerMs = 400 },
                Line("Two", 4000, 5000, LineKind.Interrupt) with { ClearedAfterMs = 180, FirstAnswerMs = 600 },
                Line("mm", 6000, 6200, LineKind.Backchannel) with { ClearedAfterMs = 150 },
            ],
            []);

        Assert.Equal([400, 600], report.FirstAnswerMs);
        Assert.Equal([180], report.BargeInToClearMs);
    }

    private static RehearsalReport Write(SaidLine[] lines, TurnFinished[] turns) => ReportWriter.Write(Call(lines), turns, null);

    private static SimulatedCallReport Call(SaidLine[] lines, params PlacedExpectation[] expectations) => new(
        "CA1", "+12025550147", "+12025550100", "inbound", "test", "completed", DateTimeOffset.UnixEpoch, lines, [], expectations, [], [], "", [], [], [], [], [], 10, null);

    private static SaidLine Line(string text, long startMs, long endMs, LineKind kind = LineKind.Say) => new(kind, text, startMs, endMs, kind != LineKind.Say, null, null);

    private static TurnFinished Heard(string text, long startMs, long endMs) => new("c", LegRole.Caller, text, startMs, endMs);

    private static TurnFinished Said(string text, long startMs) => new("a", LegRole.Ai, text, startMs, startMs + 500);
}
