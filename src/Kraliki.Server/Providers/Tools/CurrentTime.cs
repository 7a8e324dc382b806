using System.Globalization;
using System.Text.Json.Nodes;
using Kraliki.Voice.Providers;

namespace Kraliki.Server.Providers.Tools;

/// <summary>What day and hour it is where the conversation takes place: a model does not know.</summary>
internal static class CurrentTime
{
    public static ServerTool Tool { get; } = new(
        new CallTool("current_time", "Tells the date, the weekday and the time where the company is. Call it before you speak about today, tomorrow, or whether something is open now."),
        (request, _) => Task.FromResult(Answer(request)));

    private static string Answer(ToolRequest request)
    {
        var now = TimeZoneInfo.ConvertTime(request.Time.GetUtcNow(), request.TimeZone);
        return new JsonObject
        {
            ["date"] = now.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            ["weekday"] = now.ToString("dddd", CultureInfo.InvariantCulture),
            ["time"] = now.ToString("HH:mm", CultureInfo.InvariantCulture),
            ["time_zone"] = request.TimeZone.Id,
        }.ToJsonString();
    }
}
