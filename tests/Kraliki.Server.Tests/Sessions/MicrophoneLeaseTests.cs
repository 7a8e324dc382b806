using Kraliki.Server.Sessions;
using Microsoft.Extensions.Time.Testing;

namespace Kraliki.Server.Tests.Sessions;

public sealed class MicrophoneLeaseTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly SessionLimits _limits = new() { MicrophoneSweep = TimeSpan.FromSeconds(3), MicrophoneGrace = TimeSpan.FromSeconds(15) };
    private readonly MicrophoneLease _lease;

    public MicrophoneLeaseTests() => _lease = new MicrophoneLease(_limits, _time);

    [Fact]
    public void A_tab_that_a_node_sees_keeps_the_microphone_and_one_that_is_gone_does_not()
    {
        _lease.Renew();
        Assert.Null(RoundsUntilRunOut(seen: true));
        Assert.InRange(RoundsUntilRunOut(seen: false)!.Value * _limits.MicrophoneSweep.TotalSeconds, 15, 21);
    }

    [Fact]
    public void A_node_that_does_not_see_the_tab_takes_nothing_from_one_that_does()
    {
        _lease.Renew();
        for (var round = 0; round < 50; round++)
        {
            _time.Advance(_limits.MicrophoneSweep / 2);
            Assert.False(_lease.HasRunOut(seen: round % 2 == 0));
        }
    }

    [Fact]
    public void Time_in_which_nobody_could_ask_does_not_count()
    {
        _lease.Renew();
        _time.Advance(TimeSpan.FromMinutes(2));
        Assert.False(_lease.HasRunOut(seen: false));
        Assert.InRange(RoundsUntilRunOut(seen: false)!.Value * _limits.MicrophoneSweep.TotalSeconds, 15, 21);
    }

    [Fact]
    public void A_grain_that_has_just_moved_gives_the_tab_its_time_anew()
    {
        _time.Advance(TimeSpan.FromDays(1));
        Assert.False(new MicrophoneLease(_limits, _time).HasRunOut(seen: false));
    }

    private int? RoundsUntilRunOut(bool seen)
    {
        for (var round = 1; round <= 20; round++)
        {
            _time.Advance(_limits.MicrophoneSweep);
            if (_lease.HasRunOut(seen))
            {
                return round;
            }
        }

        return null;
    }
}
