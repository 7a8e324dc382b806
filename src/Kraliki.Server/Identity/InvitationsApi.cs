using System.Globalization;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Kraliki.Server.Mail;
using Kraliki.Server.Operations;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Identity;

/// <summary><c>POST /api/v1/users</c> and <c>/api/v1/invitations</c>: asking people into the organisation.</summary>
internal static class InvitationsApi
{
    public static void MapInvitations(this IEndpointRouteBuilder routes)
    {
        routes.MapPost("/api/v1/users", InviteAsync).WithTags("Users").RequireAuthorization(Permissions.UsersManage).RequireRateLimiting(RateLimits.Mail)
            .WithName("InviteUser").WithSummary("Invite somebody by mail").Idempotent()
            .WithDescription("An open invitation of the same address is replaced. Whether the address has an account elsewhere is not told.")
            .Produces<InvitationView>(StatusCodes.Status201Created).ProducesProblem(StatusCodes.Status400BadRequest);
        var invitations = routes.MapGroup("/api/v1/invitations").WithTags("Users");
        invitations.MapGet("", ListAsync).RequireAuthorization(Permissions.UsersRead).WithName("ListInvitations").WithSummary("Invitations that nobody has accepted or withdrawn yet, newest first")
            .Produces<Page<InvitationView>>().ProducesProblem(StatusCodes.Status400BadRequest);
        invitations.MapDelete("/{id:guid}", WithdrawAsync).RequireAuthorization(Permissions.UsersManage).WithName("WithdrawInvitation").WithSummary("Withdraw an invitation; its link ends")
            .Produces(204).ProducesProblem(StatusCodes.Status404NotFound);
        invitations.MapPost("/{id:guid}/resend", ResendAsync).RequireAuthorization(Permissions.UsersManage).RequireRateLimiting(RateLimits.Mail)
            .WithName("ResendInvitation").WithSummary("Send the mail again, with a new link for another seven days")
            .Produces(204).ProducesProblem(StatusCodes.Status404NotFound);
    }

    private static async Task<IResult> InviteAsync(
        InviteUser request,
        HttpContext http,
        CurrentUser current,
        KralikiDb db,
        KralikiDbFactory databases,
        MailTokens tokens,
        Outbox outbox,
        AccountMails mails,
        AuditLog audit,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        var complaints = new AccountComplaints().Email("email", request.Email);
        if (complaints.Any)
        {
            return complaints.Refusal();
        }

        var email = User.Normalise(request.Email);
        if (await db.Set<User>().AnyAsync(user => user.Email == email, cancellationToken))
        {
            return Problems.Invalid("email", "email belongs to a member of this organisation already.");
        }

        var id = http.NewId();
        if (await Open(db).SingleOrDefaultAsync(row => row.Id == id, cancellationToken) is { } repeated)
        {
            return Created(repeated);
        }

        if (await HeldBackAsync(http, databases, current.OrganisationId, email, tokens, cancellationToken) is { } later)
        {
            return later;
        }

        var now = time.GetUtcNow();
        var inviter = await db.Set<User>().Include(user => user.Organisation).SingleAsync(user => user.Id == current.Id, cancellationToken);
        var invitation = new Invitation
        {
            Id = id,
            OrganisationId = current.OrganisationId,
            Email = email,
            Role = request.Role,
            InvitedById = inviter.Id,
            InvitedBy = inviter,
            CreatedAt = now,
            ExpiresAt = now + Invitation.Life,
        };
        await using (var transaction = await db.Database.BeginTransactionAsync(cancellationToken))
        {
            await Open(db).Where(row => row.Email == email).ExecuteUpdateAsync(row => row.SetProperty(i => i.WithdrawnAt, now), cancellationToken);
            db.Add(invitation);
            await MailAsync(db, invitation, inviter, tokens, outbox, mails, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }

        outbox.Announce();
        await audit.WriteAsync(AuditActions.UserInvited, invitation.Id.ToString(), $"{email} as {request.Role.InWords()}.");
        return Created(invitation);
    }

    private static Task<IResult> ListAsync([AsParameters] Paging page, KralikiDb db, CancellationToken cancellationToken) =>
        page.NewestFirstAsync(Open(db).AsNoTracking(), row => row.Id, row => row.ToView(), cancellationToken);

    private static async Task<IResult> WithdrawAsync(Guid id, KralikiDb db, MailTokens tokens, AuditLog audit, TimeProvider time, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (await Open(db).Where(row => row.Id == id).ExecuteUpdateAsync(row => row.SetProperty(i => i.WithdrawnAt, now), cancellationToken) == 0)
        {
            return NotFound(id);
        }

        await tokens.EndAsync(db, id, MailTokenPurpose.AcceptInvitation, CancellationToken.None);
        await audit.WriteAsync(AuditActions.InvitationWithdrawn, id.ToString());
        return Results.NoContent();
    }

    private static async Task<IResult> ResendAsync(
        Guid id, HttpContext http, KralikiDb db, KralikiDbFactory databases, MailTokens tokens, Outbox outbox, AccountMails mails, AuditLog audit, TimeProvider time, CancellationToken cancellationToken)
    {
        if (await Open(db).Include(row => row.Organisation).SingleOrDefaultAsync(row => row.Id == id, cancellationToken) is not { } invitation)
        {
            return NotFound(id);
        }

        if (await HeldBackAsync(http, databases, invitation.OrganisationId, invitation.Email, tokens, cancellationToken) is { } later)
        {
            return later;
        }

        await using (var transaction = await db.Database.BeginTransactionAsync(cancellationToken))
        {
            invitation.ExpiresAt = time.GetUtcNow() + Invitation.Life;
            await MailAsync(db, invitation, invitation.InvitedBy, tokens, outbox, mails, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }

        outbox.Announce();
        await audit.WriteAsync(AuditActions.InvitationResent, id.ToString());
        return Results.NoContent();
    }

    /// <returns>429 when no further invitation may go out now; else null.</returns>
    private static async Task<IResult?> HeldBackAsync(
        HttpContext http, KralikiDbFactory databases, Guid organisation, string email, MailTokens tokens, CancellationToken cancellationToken)
    {
        // Over all organisations: a mailbox does not care which of them floods it.
        await using var all = databases.OpenForSystem();
        if (await tokens.EnoughInvitationsAsync(all, email, cancellationToken))
        {
            http.Response.Headers.RetryAfter = MailTokens.WindowSeconds;
            return Problems.Result(429, "too_many_mails", "Three invitations went to this address within 15 minutes; try again later.");
        }

        if (await tokens.InvitationsFullAsync(all, organisation, cancellationToken) is { } wait)
        {
            http.Response.Headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
            return Problems.Result(429, "too_many_mails", $"This organisation has sent {MailTokens.MostInvitationsInDay} invitations within a day; try again later.");
        }

        return null;
    }

    private static IQueryable<Invitation> Open(KralikiDb db) =>
        db.Set<Invitation>().Include(row => row.InvitedBy).Where(row => row.AcceptedAt == null && row.WithdrawnAt == null);

    private static async Task MailAsync(
        KralikiDb db, Invitation invitation, User inviter, MailTokens tokens, Outbox outbox, AccountMails mails, CancellationToken cancellationToken)
    {
        var token = await tokens.IssueAsync(db, invitation.OrganisationId, invitation.Id, MailTokenPurpose.AcceptInvitation, cancellationToken);
        outbox.Add(db, invitation.OrganisationId, invitation.Email, mails.Invitation(inviter.Organisation.Name, inviter.Name, invitation.Role, token));
        await db.SaveChangesAsync(cancellationToken);
    }

    private static IResult Created(Invitation invitation) => TypedResults.Created($"/api/v1/invitations/{invitation.Id}", invitation.ToView());

    private static IResult NotFound(Guid id) => Problems.NotFound($"There is no open invitation {id}.");
}
