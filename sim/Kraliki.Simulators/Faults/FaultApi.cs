namespace Kraliki.Simulators.Faults;

/// <summary>The control routes of the fault kit: <c>POST</c>, <c>GET</c>, <c>DELETE /_control/faults</c>.</summary>
public static class FaultApi
{
    public static void MapFaults(this IEndpointRouteBuilder routes, FaultKit faults, string path = "/_control/faults")
    {
        routes.MapPost(path, (Fault fault) =>
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
        routes.MapGet(path, () => faults.Waiting);
        routes.MapDelete(path, () =>
        {
            faults.Clear();
            return Results.NoContent();
        });
    }
}
