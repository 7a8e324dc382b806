namespace Kraliki.Simulators.Faults;

/// <summary>The control routes of the fault kit: <c>POST</c>, <c>GET</c>, <c>DELETE /_control/faults</c>.</summary>
public static class FaultApi
{
    public static void MapFaults(this IEndpointRouteBuilder routes, FaultKit faults)
    {
        routes.MapPost("/_control/faults", (Fault fault) =>
        {
            if (fault.Problem() is { } problem)
                return Results.BadRequest(new { error = problem });
            try
            {
                faults.Arm(fault);
            }
            catch (ArgumentException unknown)
            {
                return Results.NotFound(new { error = unknown.Message });
            }
            return Results.Accepted();
        });
        routes.MapGet("/_control/faults", () => faults.Waiting);
        routes.MapDelete("/_control/faults", () =>
        {
            faults.Clear();
            return Results.NoContent();
        });
    }
}
