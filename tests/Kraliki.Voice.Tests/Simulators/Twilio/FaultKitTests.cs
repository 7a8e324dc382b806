using Kraliki.Simulators.Faults;
using Microsoft.Extensions.Time.Testing;

namespace Kraliki.Voice.Tests.Simulators.Twilio;

public sealed class FaultKitTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly List<FaultKind> _applied = [];
    private readonly FaultKit _kit;

    public FaultKitTests() => _kit = new FaultKit(_time);

    [Fact]
    public void A_fault_waits_for_the_next_connection_and_its_frame()
    {
        _kit.Arm(new Fault(FaultKind.Drop, new FaultMoment(AfterFrames: 3)));
        using var track = Open("a");

        track.Frame();
        track.Frame();
        Assert.Empty(_applied);
        track.Frame();
        track.Frame();

        Assert.Equal([FaultKind.Drop], _applied);
    }

    [Fact]
    public void Open_connections_are_known_and_faults_that_came_about_are_counted()
    {
        _kit.Arm(new Fault(FaultKind.Refuse));
        Assert.NotNull(_kit.Refusal());
        using var first = Open("a");
        using (Open("b"))
        {
            Assert.Equal(["a", "b"], _kit.Connections.Order());
        }

        _kit.Arm(new Fault(FaultKind.Drop, Connection: "a"));
        _kit.Arm(new Fault(FaultKind.Garbage, new FaultMoment(On: "never"), Connection: "a"));

        Assert.Equal(["a"], _kit.Connections);
        Assert.Equal(2, _kit.Happened);
    }

    [Fact]
    public void A_fault_waits_for_its_event()
    {
        _kit.Arm(new Fault(FaultKind.Garbage, new FaultMoment(On: "start")));
        using var track = Open("a");

        track.Event("connected");
        track.Frame();
        Assert.Empty(_applied);
        track.Event("start");
        track.Event("start");

        Assert.Equal([FaultKind.Garbage], _applied);
    }

    [Fact]
    public void A_fault_waits_for_its_time()
    {
        _kit.Arm(new Fault(FaultKind.Expire, new FaultMoment(AfterMs: 500)));
        using var track = Open("a");

        _time.Advance(TimeSpan.FromMilliseconds(499));
        Assert.Empty(_applied);
        _time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal([FaultKind.Expire], _applied);
    }

    [Fact]
    public void A_fault_without_a_moment_comes_as_soon_as_a_connection_opens()
    {
        _kit.Arm(new Fault(FaultKind.Freeze));

        using var track = Open("a");

        Assert.Equal([FaultKind.Freeze], _applied);
    }

    [Fact]
    public void A_fault_is_for_one_connection_unless_it_says_more()
    {
        _kit.Arm(new Fault(FaultKind.Drop));
        _kit.Arm(new Fault(FaultKind.Close, Connections: 2));
        _kit.Arm(new Fault(FaultKind.Freeze, Connections: 0));

        for (var i = 0; i < 3; i++)
            Open($"{i}").Dispose();

        Assert.Equal([FaultKind.Drop, FaultKind.Close, FaultKind.Freeze, FaultKind.Close, FaultKind.Freeze, FaultKind.Freeze], _applied);
        Assert.Equal([FaultKind.Freeze], _kit.Waiting.Select(fault => fault.Kind));
    }

    [Fact]
    public void A_refusal_waits_for_a_request_and_not_for_a_connection()
    {
        _kit.Arm(new Fault(FaultKind.Refuse, Code: "429"));
        Open("a").Dispose();
        Assert.Empty(_applied);
        Assert.Equal(429, _kit.Refusal()?.HttpStatus);
        Assert.Null(_kit.Refusal());
    }

    [Fact]
    public void A_fault_can_be_armed_for_a_connection_that_is_open()
    {
        using var track = Open("a");
        _kit.Arm(new Fault(FaultKind.Close, new FaultMoment(AfterFrames: 1), Connection: "a"));

        track.Frame();

        Assert.Equal([FaultKind.Close], _applied);
        Assert.Throws<ArgumentException>(() => _kit.Arm(new Fault(FaultKind.Close, Connection: "b")));
    }

    [Fact]
    public void Cleared_faults_do_not_happen()
    {
        _kit.Arm(new Fault(FaultKind.Drop, new FaultMoment(AfterMs: 10)));
        using var track = Open("a");
        _kit.Arm(new Fault(FaultKind.Drop));

        _kit.Clear();
        _time.Advance(TimeSpan.FromSeconds(1));
        Open("b").Dispose();

        Assert.Empty(_applied);
    }

    [Theory]
    [InlineData(FaultKind.Close, null, "1006")]
    [InlineData(FaultKind.Delay, null, null)]
    [InlineData(FaultKind.Refuse, null, "200")]
    [InlineData(FaultKind.Garbage, 0, null)]
    public void An_impossible_fault_is_refused(FaultKind kind, int? count, string? code) =>
        Assert.Throws<ArgumentException>(() => _kit.Arm(new Fault(kind, Code: code, Count: count)));

    private FaultTrack Open(string connection) => _kit.Open(connection, fault => _applied.Add(fault.Kind));
}
