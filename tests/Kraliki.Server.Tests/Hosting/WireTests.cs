using System.Text.Json;
using Kraliki.Contracts;

namespace Kraliki.Server.Tests.Hosting;

public sealed class WireTests
{
    [Fact]
    public void Times_on_the_wire_are_utc_with_a_z_whatever_zone_they_came_from()
    {
        var ticket = new SocketTicket("t", new DateTimeOffset(2026, 11, 22, 18, 30, 0, TimeSpan.FromHours(2)));
        string json = JsonSerializer.Serialize(ticket, ContractsJson.Default.SocketTicket);
        Assert.Contains("\"expires_at\":\"2026-11-22T16:30:00Z\"", json, StringComparison.Ordinal);
        Assert.Equal(ticket, JsonSerializer.Deserialize(json, ContractsJson.Default.SocketTicket));
    }
}
