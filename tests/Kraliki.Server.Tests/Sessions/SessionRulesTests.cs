using Kraliki.Contracts;
using Kraliki.Server.Sessions;

namespace Kraliki.Server.Tests.Sessions;

public sealed class SessionRulesTests
{
    private static readonly DateTimeOffset Opened = new(2026, 1, 1, 9, 0, 0, TimeSpan.Zero);

    private static readonly SessionEvent[] Conversation =
    [
        new(3, Opened, new CarrierConnected("twilio", "CA1", "MZ1")),
        new(7, Opened.AddSeconds(5), new TurnFinished("t1", LegRole.Caller, "Good morning.", 2_000, 4_000)),
        new(9, Opened.AddSeconds(30), new CarrierConnected("twilio", "CA1", "MZ2")),
    ];

    [Fact]
    public void A_conversations_time_goes_on_while_nobody_is_connected()
    {
        Assert.Equal(0, SessionRules.AtMs([], Opened));
        Assert.Equal(60_000, SessionRules.AtMs(Conversation, Opened.AddSeconds(60)));
    }

    [Fact]
    public void A_node_whose_clock_is_late_lets_nothing_be_said_before_what_was_said() =>
        Assert.Equal(4_000, SessionRules.AtMs(Conversation, Opened.AddSeconds(-1)));
}
