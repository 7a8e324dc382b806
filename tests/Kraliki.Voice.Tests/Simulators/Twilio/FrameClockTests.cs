using Kraliki.Simulators.Callers;
using Microsoft.Extensions.Time.Testing;

namespace Kraliki.Voice.Tests.Simulators.Twilio;

public sealed class FrameClockTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void It_beats_every_20_ms()
    {
        using var clock = new FrameClock(_time);
        var beats = 0;
        using var subscription = clock.Subscribe(() => beats++);

        for (var ms = 0; ms < 1000; ms++)
            _time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal(50, beats);
    }

    [Fact]
    public void Lateness_is_made_up_and_never_adds_up()
    {
        using var clock = new FrameClock(_time);
        var beats = 0;
        using var subscription = clock.Subscribe(() => beats++);

        // A timer that is 7 ms late each time would lose a quarter of all beats if it counted from the last one.
        for (var i = 0; i < 100; i++)
            _time.Advance(TimeSpan.FromMilliseconds(27));

        Assert.Equal(2700 / 20, beats);
    }

    [Fact]
    public void A_machine_that_slept_makes_up_for_a_second_at_most()
    {
        using var clock = new FrameClock(_time);
        var beats = 0;
        using var subscription = clock.Subscribe(() => beats++);

        _time.Advance(TimeSpan.FromMinutes(10));

        Assert.InRange(beats, 1, 51);
    }

    [Fact]
    public void It_rests_without_subscribers_and_starts_again()
    {
        using var clock = new FrameClock(_time);
        var (first, second) = (0, 0);
        clock.Subscribe(() => first++).Dispose();
        _time.Advance(TimeSpan.FromSeconds(1));
        using var subscription = clock.Subscribe(() => second++);

        for (var i = 0; i < 5; i++)
            _time.Advance(TimeSpan.FromMilliseconds(20));

        Assert.Equal(0, first);
        Assert.Equal(5, second);
    }
}
