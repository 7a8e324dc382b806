using Kraliki.Contracts;
using Kraliki.Server.Sessions.Sockets;
using Microsoft.Extensions.Time.Testing;

namespace Kraliki.Server.Tests.Sessions;

public sealed class SocketTicketsTests
{
    private static readonly Guid Session = Guid.CreateVersion7();

    private readonly FakeTimeProvider _time = new();
    private readonly SocketTickets _tickets;

    public SocketTicketsTests() => _tickets = new SocketTickets(_time);

    [Fact]
    public void A_ticket_lives_thirty_seconds()
    {
        var early = Issue();
        var late = Issue();

        _time.Advance(TimeSpan.FromSeconds(29.9));
        Assert.NotNull(_tickets.Redeem(early, Session));
        _time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.Null(_tickets.Redeem(late, Session));
    }

    [Fact]
    public void A_ticket_is_used_up_even_by_the_wrong_door()
    {
        var ticket = Issue();

        Assert.Null(_tickets.Redeem(ticket, Guid.CreateVersion7()));
        Assert.Null(_tickets.Redeem(ticket, Session));
    }

    [Fact]
    public void Of_two_who_come_with_one_ticket_only_one_gets_in()
    {
        for (var round = 0; round < 100; round++)
        {
            var ticket = Issue();
            var entered = 0;
            Parallel.For(0, 4, _ =>
            {
                if (_tickets.Redeem(ticket, Session) is not null)
                {
                    Interlocked.Increment(ref entered);
                }
            });

            Assert.Equal(1, entered);
        }
    }

    private string Issue() => _tickets.Issue(new SocketPass(Session, "a@b.example", MaySteer: true, Guid.NewGuid(), UserRole.Agent)).Ticket;
}
