using System.Text.Json;
using Kraliki.Contracts;
using Kraliki.Server.Hosting;
using Kraliki.Server.Identity;
using Kraliki.Server.Operations;
using Kraliki.Server.Providers;
using Kraliki.Server.Sessions.Calls;
using Kraliki.Server.Sessions.Journal;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.ModelBinding;

namespace Kraliki.Server.Sessions.Api;

/// <summary><c>/api/v1/sessions/{id}/…</c>: which AI provider has the call, how it is, and who takes over.</summary>
internal static partial class SessionsApi
{
    private static void MapProviderCommands(IEndpointRouteBuilder read, IEndpointRouteBuilder manage)
    {
        read.MapGet("/{id:guid}/provider", GetProviderAsync).WithName("GetSessionProvider").WithSummary("Who has the session's conversation")
            .Produces<SessionProvider>().ProducesProblem(StatusCodes.Status404NotFound);
        read.MapGet("/{id:guid}/provider-health", GetProviderHealthAsync).WithName("GetSessionProviderHealth").WithSummary("The providers that can have this call, in the order in which they take over")
            .Produces<IReadOnlyList<SessionProviderHealth>>().ProducesProblem(StatusCodes.Status404NotFound);
        read.MapGet("/{id:guid}/switch-history", GetSwitchHistoryAsync).WithName("GetSwitchHistory").WithSummary("What happened to the session's provider connections, oldest first")
            .Produces<SwitchHistory>().ProducesProblem(StatusCodes.Status404NotFound);
        manage.MapPost("/{id:guid}/switch-provider", SwitchProviderAsync).WithName("SwitchProvider").WithSummary("Gives the running call to another provider")
            .WithDescription(
                "The new provider is connected and told the conversation before the one before is let go, and takes over when nobody is in the middle of a sentence; "
                + "`at_once` does not wait for that. 202 means that it is under way: the events `provider_switched` or `provider_switch_failed` tell what became of it.")
            .Produces<SessionProvider>(StatusCodes.Status202Accepted).ProducesProblem(StatusCodes.Status400BadRequest)
            .ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status409Conflict);
        manage.MapPost("/{id:guid}/failover", FailOverAsync).WithName("ForceFailover").WithSummary("Gives the running call to the next healthy provider at once")
            .Produces<SessionProvider>(StatusCodes.Status202Accepted).ProducesProblem(StatusCodes.Status400BadRequest)
            .ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status409Conflict);
        read.MapGet("/{id:guid}/failover-policy", GetFailoverPolicyAsync).WithName("GetFailoverPolicy").WithSummary("Who takes over when the session's provider fails")
            .Produces<FailoverPolicy>().ProducesProblem(StatusCodes.Status404NotFound);
        manage.MapPut("/{id:guid}/failover-policy", SetFailoverPolicyAsync).WithName("SetFailoverPolicy").WithSummary("Replaces the session's failover policy; a running call follows it at once").Versioned()
            .Produces<FailoverPolicy>().ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict).ProducesProblem(StatusCodes.Status412PreconditionFailed);
    }

    private static async Task<IResult> GetProviderAsync(Guid id, JournalReader journal, CurrentUser user, Failover failover, CancellationToken cancellationToken) =>
        await journal.FindAsync(user.OrganisationId, id, cancellationToken) is { } row
            ? TypedResults.Ok(ProviderHistory.Current(row, await journal.ProviderChangesAsync(id, cancellationToken), failover.Known))
            : NotFound(id);

    private static async Task<IResult> GetProviderHealthAsync(Guid id, JournalReader journal, CurrentUser user, Failover failover, CancellationToken cancellationToken) =>
        await journal.FindAsync(user.OrganisationId, id, cancellationToken) is { } row
            ? TypedResults.Ok(ProviderHistory.Health(row, await journal.ProviderChangesAsync(id, cancellationToken), failover))
            : NotFound(id);

    private static async Task<IResult> GetSwitchHistoryAsync(Guid id, JournalReader journal, CurrentUser user, CancellationToken cancellationToken) =>
        await journal.FindAsync(user.OrganisationId, id, cancellationToken) is not null
            ? TypedResults.Ok(new SwitchHistory(await journal.ProviderChangesAsync(id, cancellationToken)))
            : NotFound(id);

    private static async Task<IResult> SwitchProviderAsync(
        Guid id,
        SwitchSessionProvider body,
        JournalReader journal,
        CurrentUser user,
        SessionCommands commands,
        Failover failover,
        AuditLog audit,
        PublicUrls urls,
        CancellationToken cancellationToken)
    {
        if (SessionInput.ErrorsOf(body, failover.Known) is { Count: > 0 } errors)
        {
            return Problems.Invalid(errors);
        }

        if (await journal.FindAsync(user.OrganisationId, id, cancellationToken) is not { } row)
        {
            return NotFound(id);
        }

        var wanted = failover.Known.Single(view => view.Name == body.Provider);
        return NotSwitchable(row, urls) ?? (body switch
        {
            _ when body.Provider == row.Provider => Problems.Result(StatusCodes.Status409Conflict, "same_provider", $"{wanted.Title} has this call already."),
            _ when failover.Find(body.Provider) is null || wanted.Unavailable is not null => Problems.Result(
                StatusCodes.Status409Conflict, "provider_not_configured", $"{wanted.Title} cannot take calls here. {wanted.Unavailable}"),
            { Force: false } when !failover.Allows(body.Provider) => Problems.Result(
                StatusCodes.Status409Conflict, "provider_unhealthy", $"Calls are kept from {wanted.Title} at present, because it failed too often. Send force to try it all the same."),
            _ => await ChangeAsync(
                row, new ChangeProvider(body.Provider, body.Reason.Trim(), user.Email, body.AtOnce), AuditActions.ProviderSwitchRequested, journal, commands, failover, audit, cancellationToken),
        });
    }

    private static async Task<IResult> FailOverAsync(
        Guid id,
        JournalReader journal,
        CurrentUser user,
        SessionCommands commands,
        Failover failover,
        AuditLog audit,
        PublicUrls urls,
        CancellationToken cancellationToken,
        [FromBody(EmptyBodyBehavior = EmptyBodyBehavior.Allow)] ForceFailover? body = null)
    {
        if (body?.Reason is { Length: > SessionInput.LongestNote })
        {
            return Problems.Invalid("reason", $"reason must have at most {SessionInput.LongestNote} characters.");
        }

        if (await journal.FindAsync(user.OrganisationId, id, cancellationToken) is not { } row)
        {
            return NotFound(id);
        }

        if (NotSwitchable(row, urls) is { } refusal)
        {
            return refusal;
        }

        var reason = string.IsNullOrWhiteSpace(body?.Reason) ? "A failover was asked for." : body.Reason.Trim();
        return failover.After(row.Provider, row.Failover ?? failover.Default) is { } next
            ? await ChangeAsync(row, new ChangeProvider(next, reason, user.Email, AtOnce: true), AuditActions.FailoverForced, journal, commands, failover, audit, cancellationToken)
            : Problems.Result(StatusCodes.Status409Conflict, "no_other_provider", "No other provider of this session's order can take calls at present.");
    }

    private static async Task<IResult> ChangeAsync(
        SessionRow row,
        ChangeProvider wish,
        string action,
        JournalReader journal,
        SessionCommands commands,
        Failover failover,
        AuditLog audit,
        CancellationToken cancellationToken)
    {
        if (await commands.SwitchProviderAsync(row.Id, wish, cancellationToken) != DeliveryOutcome.Delivered)
        {
            return NoCall();
        }

        await audit.WriteAsync(action, row.Id.ToString(), $"From {row.Provider} to {wish.Provider}: {wish.Reason}");
        var changes = await journal.ProviderChangesAsync(row.Id, cancellationToken);
        return TypedResults.Accepted((string?)null, ProviderHistory.Current(row, changes, failover.Known));
    }

    private static async Task<IResult> GetFailoverPolicyAsync(
        Guid id, HttpContext http, JournalReader journal, CurrentUser user, Failover failover, CancellationToken cancellationToken) =>
        await journal.FindAsync(user.OrganisationId, id, cancellationToken) is { } row
            ? Preconditions.Tagged(http, row.Version, TypedResults.Ok(row.Failover ?? failover.Default))
            : NotFound(id);

    private static async Task<IResult> SetFailoverPolicyAsync(
        Guid id,
        FailoverPolicy body,
        HttpContext http,
        JournalReader journal,
        CurrentUser user,
        SessionCommands commands,
        Failover failover,
        AuditLog audit,
        PublicUrls urls,
        CancellationToken cancellationToken)
    {
        if (SessionInput.ErrorsOf(body, failover.Known) is { Count: > 0 } errors)
        {
            return Problems.Invalid(errors);
        }

        if (!Preconditions.TryRead(http.Request, out var ifVersion, out var refusal))
        {
            return refusal;
        }

        if (await journal.FindAsync(user.OrganisationId, id, cancellationToken) is null)
        {
            return NotFound(id);
        }

        var outcome = await commands.SetFailoverPolicyAsync(id, body, user.Email, ifVersion, cancellationToken);
        switch (outcome)
        {
            case { Result: ChangeResult.Done, Row: { } row }:
                await audit.WriteAsync(AuditActions.FailoverPolicyChanged, id.ToString(), InWords(body));
                return Preconditions.Tagged(http, row.Version, TypedResults.Ok(row.Failover ?? failover.Default));
            case { Result: ChangeResult.VersionConflict, Row: { } row }:
                return Preconditions.Tagged(http, row.Version, Problems.Conflict(row.Failover ?? failover.Default, ContractsJson.Default.FailoverPolicy));
            case { Result: ChangeResult.SessionOver, Row: { } row }:
                return Over(row, urls);
            default:
                return NotFound(id);
        }
    }

    /// <returns>Why nobody can take this session's call over; null when somebody can.</returns>
    private static IResult? NotSwitchable(SessionRow row, PublicUrls urls) =>
        SessionRules.IsOver(row.State) ? Over(row, urls)

        // Before the line is open there is nothing to hand over.
        : row.Media.HasFlag(MediaSides.Carrier) ? null : NoCall();

    private static IResult Over(SessionRow row, PublicUrls urls) => Problems.Result(
        StatusCodes.Status409Conflict,
        "session_over",
        "The conversation has ended.",
        current: JsonSerializer.SerializeToElement(View(row, urls), ContractsJson.Default.SessionView));

    private static IResult NoCall() => Problems.Result(StatusCodes.Status409Conflict, "no_call", "No call runs in this session at present.");

    private static string InWords(FailoverPolicy policy) => !policy.Enabled
        ? "Nobody takes over."
        : $"{(policy.Order is [] ? "All that are configured" : string.Join(", ", policy.Order))}, after {policy.StallSeconds} seconds of silence.";
}
