using System.Text.Json;
using Kraliki.Contracts;
using Kraliki.Server.Hosting;
using Kraliki.Server.Identity;
using Kraliki.Server.Sessions.Journal;
using Microsoft.AspNetCore.Mvc;

namespace Kraliki.Server.Sessions.Api;

/// <summary><c>/api/v1/sessions/{id}/microphone</c>: which tab of which operator may speak.</summary>
internal static partial class SessionsApi
{
    private static void MapMicrophone(IEndpointRouteBuilder manage)
    {
        manage.MapPost("/{id:guid}/microphone", TakeMicrophoneAsync).WithName("TakeMicrophone").WithSummary("Takes the operator's microphone; harmless when this tab holds it")
            .WithDescription(
                "Held by another tab or person it is refused, and `current` says by whom; with `take_over` and If-Match it changes hands. "
                + "The server releases it when no session socket with this `client_id` has been open for 15 seconds, and when the session ends.")
            .VersionedIfAsked()
            .Produces<SessionView>().ProducesProblem(StatusCodes.Status409Conflict).ProducesProblem(StatusCodes.Status428PreconditionRequired);
        manage.MapDelete("/{id:guid}/microphone", ReleaseMicrophoneAsync).WithName("ReleaseMicrophone").WithSummary("Gives the operator's microphone back; harmless when it is free")
            .Produces<SessionView>().ProducesProblem(StatusCodes.Status409Conflict);
    }

    private static async Task<IResult> TakeMicrophoneAsync(
        Guid id,
        TakeMicrophone body,
        HttpContext http,
        JournalReader journal,
        CurrentUser user,
        SessionCommands commands,
        PublicUrls urls,
        CancellationToken cancellationToken)
    {
        if (!SessionInput.IsClientId(body.ClientId))
        {
            return Problems.Invalid("client_id", $"client_id {SessionInput.ClientIdRule}");
        }

        if (!Preconditions.TryRead(http.Request, out var ifVersion, out var refusal, required: body.TakeOver))
        {
            return refusal;
        }

        return await journal.FindAsync(user.OrganisationId, id, cancellationToken) is null
            ? NotFound(id)
            : MicrophoneResult(id, await commands.TakeMicrophoneAsync(id, user.Email, body.ClientId, body.TakeOver, ifVersion, cancellationToken), http, urls);
    }

    /// <param name="clientId">Only if this tab holds it; without it, whichever of the person's tabs does.</param>
    private static async Task<IResult> ReleaseMicrophoneAsync(
        Guid id,
        HttpContext http,
        JournalReader journal,
        CurrentUser user,
        SessionCommands commands,
        PublicUrls urls,
        CancellationToken cancellationToken,
        [FromQuery(Name = "client_id")] string? clientId = null) =>
        await journal.FindAsync(user.OrganisationId, id, cancellationToken) is null
            ? NotFound(id)
            : MicrophoneResult(id, await commands.ReleaseMicrophoneAsync(id, user.Email, clientId, cancellationToken), http, urls);

    private static IResult MicrophoneResult(Guid id, ChangeOutcome outcome, HttpContext http, PublicUrls urls) => outcome switch
    {
        { Result: ChangeResult.Done, Row: { } row } => Ok(http, row, urls),
        { Result: ChangeResult.VersionConflict, Row: { } row } => Conflict(http, row, urls),
        { Result: ChangeResult.MicrophoneHeld, Row: { Microphone: { } holder } row } => Preconditions.Tagged(http, row.Version, Problems.Result(
            StatusCodes.Status409Conflict,
            "microphone_held",
            $"{holder.User} holds the microphone in another tab or on another computer.",
            current: JsonSerializer.SerializeToElement(holder, ContractsJson.Default.MicrophoneHolder))),
        { Result: ChangeResult.SessionOver, Row: { } row } => Preconditions.Tagged(http, row.Version, Problems.Result(
            StatusCodes.Status409Conflict,
            "session_over",
            "The conversation has ended; there is nobody to speak to.",
            current: JsonSerializer.SerializeToElement(View(row, urls), ContractsJson.Default.SessionView))),
        _ => NotFound(id),
    };
}
