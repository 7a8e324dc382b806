using Kraliki.Contracts;
using Kraliki.Server.Providers;

namespace Kraliki.Server.Tests.Providers;

public sealed class BreakerTests
{
    private static readonly BreakerRules Rules = new();

    private readonly List<BreakerChange> _changes = [];
    private DateTimeOffset _now = new(2026, 3, 2, 9, 0, 0, TimeSpan.Zero);
    private Breaker _breaker = new() { Provider = "openai", Model = "gpt" };

    [Fact]
    public void Five_failures_in_a_row_open_it_and_a_success_in_between_begins_the_count_again()
    {
        Fail(4);
        Answer();
        Fail(4);
        Assert.Equal((BreakerState.Closed, 4), (_breaker.State, _breaker.Failures));
        Fail(1);
        Assert.Equal((BreakerState.Open, _now.AddSeconds(60)), (_breaker.State, _breaker.ProbeAt));
        var change = Assert.Single(_changes);
        Assert.Equal((BreakerState.Closed, BreakerState.Open, "server", "It failed 5 times in a row, at last: gone"), (change.From, change.To, change.By, change.Cause));
    }

    [Fact]
    public void A_refused_key_opens_it_at_once_and_the_end_of_a_connections_life_never()
    {
        Learn(new Finding.CallFailed(_now, ProviderFailure.Expired, "60 minutes are over"));
        Assert.Equal((0, 0, "60 minutes are over"), (_breaker.Failures, _breaker.ToView().Calls, _breaker.LastError));
        Learn(new Finding.CallFailed(_now, ProviderFailure.Unauthorized, "no such key"));
        Assert.Equal(BreakerState.Open, _breaker.State);
        Assert.Equal("It refuses the key: no such key", _changes[0].Cause);
    }

    [Fact]
    public void It_is_due_after_a_minute_and_two_probes_close_it()
    {
        Fail(5);
        Assert.False(_breaker.IsDue(_now.AddSeconds(59)));
        _now = _now.AddSeconds(60);
        Assert.True(_breaker.IsDue(_now));

        Learn(new Finding.ProbeBegun(_now));
        Assert.Equal(BreakerState.HalfOpen, _breaker.State);
        Assert.False(_breaker.IsDue(_now));
        Probe(passed: true);
        Assert.Equal((BreakerState.HalfOpen, 1), (_breaker.State, _breaker.Successes));

        _now = _breaker.ProbeAt!.Value;
        Learn(new Finding.ProbeBegun(_now));
        Probe(passed: true);
        Assert.Equal((BreakerState.Closed, 0, null), (_breaker.State, _breaker.Failures, _breaker.ProbeAt));
        Assert.Equal([BreakerState.Open, BreakerState.HalfOpen, BreakerState.Closed], _changes.Select(change => change.To));
    }

    [Fact]
    public void A_failure_while_it_is_half_open_opens_it_for_another_minute()
    {
        Fail(5);
        _now = _now.AddSeconds(60);
        Learn(new Finding.ProbeBegun(_now));
        Probe(passed: true);
        Probe(passed: false);
        Assert.Equal((BreakerState.Open, 0, _now.AddSeconds(60)), (_breaker.State, _breaker.Successes, _breaker.ProbeAt));
        Assert.Equal("It was tried and failed: silent", _changes[^1].Cause);
        Assert.False(_breaker.LastProbe!.Passed);
    }

    [Fact]
    public void Calls_that_began_before_decide_nothing_while_it_is_open()
    {
        Fail(5);
        var asked = _breaker.ProbeAt;
        _now = _now.AddSeconds(10);
        Answer();
        Fail(1);
        Assert.Equal((BreakerState.Open, asked), (_breaker.State, _breaker.ProbeAt));
    }

    [Fact]
    public void A_probe_that_dies_with_its_node_is_left_to_another()
    {
        Fail(5);
        _now = _now.AddSeconds(60);
        Learn(new Finding.ProbeBegun(_now));
        Assert.True(Breaker.ProbeLease > ProviderProbe.Longest);
        Assert.True(_breaker.IsDue(_now + Breaker.ProbeLease));
    }

    [Fact]
    public void A_reset_gives_it_calls_again_and_failures_from_before_arrive_too_late()
    {
        var before = _now;
        Fail(5);
        _now = _now.AddSeconds(5);
        Learn(new Finding.Reset(_now, "admin@demo.example"));
        for (var i = 0; i < 5; i++)
        {
            Learn(new Finding.CallFailed(before, ProviderFailure.Lost, "late"));
        }

        Assert.Equal((BreakerState.Closed, 0, "late"), (_breaker.State, _breaker.Failures, _breaker.LastError));
        Assert.Equal("admin@demo.example", _changes[^1].By);
    }

    [Fact]
    public void A_probe_that_a_person_asked_for_and_that_passes_begins_the_way_back()
    {
        Fail(5);
        Probe(passed: true);
        Assert.Equal((BreakerState.HalfOpen, 1), (_breaker.State, _breaker.Successes));
    }

    [Fact]
    public void The_figures_are_of_the_newest_fifty_calls()
    {
        Assert.Equal((0, null, null), (_breaker.ToView().Calls, _breaker.ToView().SuccessRate, _breaker.ToView().ConnectMs));
        for (var i = 1; i <= 60; i++)
        {
            Learn(new Finding.CallAnswered(_now, TimeSpan.FromMilliseconds(i)));
        }

        Fail(1);
        var view = _breaker.ToView();
        Assert.Equal((50, 0.98, 36, 58), (view.Calls, view.SuccessRate, view.ConnectMs, view.ConnectMsP95));
    }

    private void Fail(int times)
    {
        for (var i = 0; i < times; i++)
        {
            Learn(new Finding.CallFailed(_now, ProviderFailure.Lost, "gone"));
        }
    }

    private void Answer() => Learn(new Finding.CallAnswered(_now, TimeSpan.FromMilliseconds(100)));

    private void Probe(bool passed) =>
        Learn(new Finding.ProbeEnded(_now, new ProbeView(_now, passed, passed ? null : ProviderFailure.Stalled, passed ? "fine" : "silent", 10, null)));

    private void Learn(Finding finding) => _breaker = _breaker.After(finding, Rules, _changes);
}
