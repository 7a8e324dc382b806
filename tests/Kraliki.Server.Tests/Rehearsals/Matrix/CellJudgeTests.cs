using Kraliki.Contracts;
using Kraliki.Server.Rehearsals.Matrix;
using Kraliki.Simulators.Callers;

namespace Kraliki.Server.Tests.Rehearsals.Matrix;

/// <summary>What a call of the matrix must not show.</summary>
public sealed class CellJudgeTests
{
    private static readonly CallerScript Script = CallerScriptReader.Read(
        """
        name: short
        title: A question, and a sign of listening
        steps:
          - say: What are your opening hours?
          - backchannel: uh-huh
        """, "short.yaml");

    private static readonly CellFault Drop = CellFault.All.Single(fault => fault is { Provider: "openai", Name: "drop" });

    private static readonly SessionFact[] TakenOver =
    [
        new ProviderConnected("openai", null, "s1", 40),
        new TurnFinished("c1", LegRole.Caller, "what are your opening hours", 1000, 2500),
        new ProviderFailed("openai", ProviderFailure.Lost, "gone"),
        new ProviderConnected("gemini", null, "s2", 60),
        new ProviderSwitched("openai", "gemini", SwitchCause.Failover, "gone", "server", 60, 900, 1, 0),
        new TurnFinished("a1", LegRole.Ai, "We are open from nine to six.", 3000, 5000),
        new MediaEnded(EndReason.CallerHungUp, "", 500, 300, 0, []),
    ];

    [Fact]
    public void A_call_that_was_taken_over_without_a_loss_passes_and_its_figures_are_kept()
    {
        var result = Judge(TakenOver);

        Assert.Empty(result.Findings);
        Assert.Equal((60, 900, 0.0), (result.GapMs!.Value, result.ReplayedMs, result.ErrorRate!.Value));
        Assert.Equal(["openai", "gemini"], result.Path);
        Assert.Contains(result.Story, line => line.Contains("openai failed: gone", StringComparison.Ordinal));
    }

    [Fact]
    public void A_fault_that_never_came_about_proves_nothing() =>
        Assert.Contains(Judge(TakenOver, struck: 0).Findings, finding => finding.Contains("never came about", StringComparison.Ordinal));

    [Fact]
    public void A_failure_that_nobody_noticed_is_found() =>
        Assert.Equal(["Nobody noticed that openai had failed."], Judge([TakenOver[0], TakenOver[1], TakenOver[5], TakenOver[6]]).Findings);

    [Fact]
    public void A_line_that_nobody_heard_is_lost_and_a_sign_of_listening_is_not() =>
        Assert.Equal(
            "Nobody heard the caller say: What are your opening hours?",
            Assert.Single(Judge(TakenOver, Report(heard: null, rate: 0)).Findings));

    [Theory]
    [InlineData(0.2, 0.1, true)]
    [InlineData(0.3, 0.1, false)]
    [InlineData(0.4, null, true)]
    [InlineData(0.6, null, false)]
    public void Words_are_heard_as_well_as_in_peace(double rate, double? peace, bool passes) =>
        Assert.Equal(passes, Judge(TakenOver, Report("what are your opening hours", rate), peace: peace).Passed);

    [Fact]
    public void A_gap_of_more_than_a_second_is_too_long() =>
        Assert.Contains("1200 ms", Assert.Single(Judge(Replaced<ProviderSwitched>(change => change with { TookMs = 1_200 })).Findings), StringComparison.Ordinal);

    [Fact]
    public void Frames_that_nobody_took_are_found() =>
        Assert.Equal("60 ms of the caller were heard by nobody.", Assert.Single(Judge(Replaced<MediaEnded>(end => end with { FramesDropped = 3 })).Findings));

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void The_result_of_a_tool_comes_once(int results)
    {
        var call = new ToolCalled("t1", "current_time", "{}", null);

        var result = Judge([.. TakenOver, call, .. Enumerable.Repeat(call with { Result = "{}" }, results)]);

        Assert.Equal($"The tool current_time has {results} results.", Assert.Single(result.Findings));
    }

    [Fact]
    public void What_was_heard_of_a_reply_is_not_said_again()
    {
        SessionFact cut = new TurnFinished("a0", LegRole.Ai, "We are open from nine", 2600, 3000, Interrupted: true);

        Assert.StartsWith("What the caller had heard was said again", Assert.Single(Judge([.. TakenOver[..5], cut, .. TakenOver[5..]]).Findings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("drop", false)]
    [InlineData("stuck_audio", true)]
    public void An_expectation_about_an_answer_that_the_fault_itself_blurs_is_not_held_against_anybody(string fault, bool passes)
    {
        var report = Report("what are your opening hours", 0) with { Expectations = [new("nine", Met: false, Found: null)] };
        var rehearsal = Rehearsal(report) with { Status = RehearsalStatus.Failed, Failure = "1 of 1 expectations were not met." };
        var cell = new MatrixCell(Script, "openai", Fault: CellFault.All.Single(one => one.Provider == "openai" && one.Name == fault));

        var result = CellJudge.Judge(new(cell, rehearsal, Journal(TakenOver), 1, null, null, 10));

        Assert.Equal(passes, result.Passed);
        Assert.Equal((0, 1), (result.ExpectationsMet, result.Expectations));
    }

    [Fact]
    public void In_peace_nobody_fails()
    {
        var result = CellJudge.Judge(new(new MatrixCell(Script, "openai"), Rehearsal(Report("what are your opening hours", 0)), Journal(TakenOver), 0, null, null, 10));

        Assert.Equal("openai failed though nothing was done to it: gone", Assert.Single(result.Findings));
    }

    [Fact]
    public void A_switch_that_did_not_come_about_is_found()
    {
        var cell = new MatrixCell(Script, "openai", Switch: new CellSwitch("local", AtOnce: true));

        var result = CellJudge.Judge(new(cell, Rehearsal(Report("what are your opening hours", 0)), Journal([TakenOver[0], TakenOver[6]]), 0, "It has this call already.", null, 10));

        Assert.Equal(["The switch was refused: It has this call already.", "local never got the call."], result.Findings);
    }

    private static SessionFact[] Replaced<T>(Func<T, T> change)
        where T : SessionFact => [.. TakenOver.Select(fact => fact is T one ? change(one) : fact)];

    private static CellResult Judge(SessionFact[] facts, RehearsalReport? report = null, int struck = 1, double? peace = 0.0) =>
        CellJudge.Judge(new(new MatrixCell(Script, "openai", Fault: Drop), Rehearsal(report ?? Report("what are your opening hours", 0)), Journal(facts), struck, null, peace, 12.34));

    private static SessionEvent[] Journal(SessionFact[] facts) => [.. facts.Select((fact, i) => new SessionEvent(i + 1, DateTimeOffset.UnixEpoch, fact))];

    private static RehearsalReport Report(string? heard, double rate) => new(
        [new(LegRole.Caller, "What are your opening hours?", heard, 1000), new(LegRole.Caller, "uh-huh", null, 4000)], [], rate, [400, 600], [], 10, EndReason.CallerHungUp);

    private static RehearsalView Rehearsal(RehearsalReport report) => new(
        Guid.Empty, RehearsalStatus.Passed, Script.Name, "openai", "twilio", Guid.Empty, DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch, null, report);
}
