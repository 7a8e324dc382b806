using Kraliki.Contracts;
using Kraliki.Server.Assistants;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Kraliki.Server.Mail;
using Kraliki.Server.Operations;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Identity;

/// <summary>How people come in: register with a new organisation, or accept an invitation; and prove their e-mail address.</summary>
/// <remarks>
/// Nobody learns here whether an address has an account: the answers are the same, both ways cost one password hash and one
/// commit, and what there is to say goes to the mailbox of the address.
/// </remarks>
internal static class RegistrationApi
{
    public static void MapRegistration(this RouteGroupBuilder auth)
    {
        auth.MapPost("/register", RegisterAsync).AllowAnonymous().RequireRateLimiting(RateLimits.Mail)
            .WithName("Register").WithSummary("Make an account")
            .WithDescription("With a new organisation, whose administrator one becomes once the link in the mail is opened; or, with invitation_token, in the organisation that invites. "
                + "The answer is the same whether the address has an account or not.")
            .Produces<RegisterResponse>(202).ProducesProblem(400).ProducesProblem(403)
            .ProducesProblem(409).ProducesProblem(410).ProducesProblem(429);
        auth.MapPost("/verify-email", VerifyEmailAsync).AllowAnonymous().RequireRateLimiting(RateLimits.Login)
            .WithName("VerifyEmail").WithSummary("Confirm an e-mail address by the token of its mail")
            .Produces(204).ProducesProblem(410).ProducesProblem(429);
        auth.MapPost("/resend-verification", ResendVerificationAsync).AllowAnonymous().RequireRateLimiting(RateLimits.Mail)
            .WithName("ResendVerification").WithSummary("Send the mail with the confirmation link again")
            .WithDescription("Always 202. At most three mails in 15 minutes go to one address.")
            .Produces(202).ProducesProblem(400).ProducesProblem(429);
        auth.MapPost("/invitation", OfferAsync).AllowAnonymous().RequireRateLimiting(RateLimits.Login)
            .WithName("GetInvitationOffer").WithSummary("What an invitation offers")
            .Produces<InvitationOffer>().ProducesProblem(410).ProducesProblem(429);
    }

    /// <summary>410 for the link of a mail that opens nothing (any more); which of the reasons it is is nobody's business.</summary>
    internal static IResult LinkExpired() => Problems.Result(
        StatusCodes.Status410Gone, "link_expired", "This link was used already, replaced by a newer one, or has expired; ask for a new mail.");

    private static async Task<IResult> RegisterAsync(
        RegisterRequest request,
        KralikiOptions options,
        KralikiDbFactory databases,
        PasswordHashes passwords,
        MailTokens tokens,
        Outbox outbox,
        AccountMails mails,
        AuditLog audit,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        if (request.InvitationToken is { } invitation)
        {
            return await AcceptAsync(request, invitation, databases, passwords, tokens, audit, time, cancellationToken);
        }

        if (options.Identity.Registration == RegistrationMode.Invitation)
        {
            return Problems.Result(403, "registration_closed", "This installation is open to invited people only; ask your administrator for an invitation.");
        }

        var complaints = new AccountComplaints()
            .Name("name", request.Name)
            .Email("email", request.Email ?? "")
            .Name("organisation_name", request.OrganisationName ?? "")
            .Password("password", request.Password, request.Email, request.Name, request.OrganisationName);
        if (complaints.Any)
        {
            return complaints.Refusal();
        }

        var email = User.Normalise(request.Email!);
        var hash = await passwords.HashAsync(request.Password, cancellationToken);
        await using var db = databases.OpenForSystem();
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var existing = await db.Set<User>().AsNoTracking().SingleOrDefaultAsync(user => user.Email == email, cancellationToken);
        if (existing is not null)
        {
            await TellOwnerAsync(db, existing, tokens, outbox, mails, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            outbox.Announce();
            await audit.WriteAsync(AuditActions.RegistrationRepeated, existing.Id.ToString(), organisation: existing.OrganisationId);
            return Accepted(email);
        }

        var now = time.GetUtcNow();
        var organisation = new Organisation { Id = Guid.CreateVersion7(now), Name = request.OrganisationName!.Trim(), CreatedAt = now };
        var user = new User
        {
            Id = Guid.CreateVersion7(now),
            OrganisationId = organisation.Id,
            Email = email,
            Name = request.Name.Trim(),
            Role = UserRole.Admin,
            PasswordHash = hash,
            CreatedAt = now,
            UpdatedAt = now,
        };
        db.AddRange(organisation, user);
        DefaultAssistant.AddTo(db, organisation);
        outbox.Add(db, organisation.Id, email, mails.Verify(await tokens.IssueAsync(db, organisation.Id, user.Id, MailTokenPurpose.VerifyEmail, cancellationToken)));
        try
        {
            await db.SaveChangesAsync(cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }
        catch (DbUpdateException)
        {
            if (!await TakenAsync(databases, email, cancellationToken))
            {
                throw;
            }

            // The same address, registered in the same moment: the other request has written the mail.
            return Accepted(email);
        }

        outbox.Announce();
        await audit.WriteAsync(AuditActions.Registered, user.Id.ToString(), "A new organisation.", actor: email, organisation: organisation.Id);
        return Accepted(email);
    }

    private static async Task<IResult> AcceptAsync(
        RegisterRequest request,
        string token,
        KralikiDbFactory databases,
        PasswordHashes passwords,
        MailTokens tokens,
        AuditLog audit,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        await using var db = databases.OpenForSystem();
        var (invitation, refusal) = await FindInvitationAsync(db, token, tokens, time, cancellationToken);
        if (invitation is null)
        {
            return refusal!;
        }

        var complaints = new AccountComplaints()
            .Name("name", request.Name)
            .Password("password", request.Password, invitation.Email, request.Name, invitation.Organisation.Name);
        if (complaints.Any)
        {
            return complaints.Refusal();
        }

        var hash = await passwords.HashAsync(request.Password, cancellationToken);
        var now = time.GetUtcNow();
        var user = new User
        {
            Id = Guid.CreateVersion7(now),
            OrganisationId = invitation.OrganisationId,
            Email = invitation.Email,
            Name = request.Name.Trim(),
            Role = invitation.Role,
            PasswordHash = hash,
            CreatedAt = now,
            UpdatedAt = now,
            EmailVerifiedAt = now,
        };
        bool replaced;
        await using (var transaction = await db.Database.BeginTransactionAsync(cancellationToken))
        {
            var open = db.Set<Invitation>().Where(row => row.Id == invitation.Id && row.AcceptedAt == null && row.WithdrawnAt == null);
            if (await tokens.UseAsync(db, token, MailTokenPurpose.AcceptInvitation, cancellationToken) is null
                || await open.ExecuteUpdateAsync(row => row.SetProperty(i => i.AcceptedAt, now), cancellationToken) == 0)
            {
                return LinkExpired();
            }

            // The token proves the mailbox; whoever only typed its address before must not keep its reader out.
            replaced = await UnconfirmedRegistrations.RemoveAsync(db, row => row.Email == invitation.Email, cancellationToken) > 0;
            db.Add(user);
            try
            {
                await db.SaveChangesAsync(cancellationToken);
                await transaction.CommitAsync(cancellationToken);
            }
            catch (DbUpdateException)
            {
                if (!await TakenAsync(databases, user.Email, cancellationToken))
                {
                    throw;
                }

                // Whoever holds the token reads the mailbox of this address: they may know.
                return Problems.Result(409, "account_exists", "This address has an account already, in another organisation; ask to be invited under another address.");
            }
        }

        var detail = $"By invitation, as {invitation.Role.InWords()}." + (replaced ? " An unconfirmed registration of the address was removed." : "");
        await audit.WriteAsync(AuditActions.Registered, user.Id.ToString(), detail, actor: user.Email, organisation: user.OrganisationId);
        return Results.Json(new RegisterResponse(user.Email, VerificationRequired: false), ContractsJson.Default.RegisterResponse, statusCode: 202);
    }

    private static async Task<IResult> VerifyEmailAsync(
        MailTokenRequest request, KralikiDbFactory databases, MailTokens tokens, AuditLog audit, TimeProvider time, CancellationToken cancellationToken)
    {
        await using var db = databases.OpenForSystem();
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        if (await tokens.UseAsync(db, request.Token, MailTokenPurpose.VerifyEmail, cancellationToken) is not { } id)
        {
            return LinkExpired();
        }

        var now = time.GetUtcNow();
        var user = await db.Set<User>().SingleAsync(row => row.Id == id, cancellationToken);
        user.EmailVerifiedAt ??= now;
        user.Touch(now);
        await db.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        await audit.WriteAsync(AuditActions.EmailVerified, user.Id.ToString(), actor: user.Email, organisation: user.OrganisationId);
        return Results.NoContent();
    }

    private static async Task<IResult> ResendVerificationAsync(
        EmailRequest request, KralikiDbFactory databases, MailTokens tokens, Outbox outbox, AccountMails mails, CancellationToken cancellationToken)
    {
        var complaints = new AccountComplaints().Email("email", request.Email);
        if (complaints.Any)
        {
            return complaints.Refusal();
        }

        var email = User.Normalise(request.Email);
        await using var db = databases.OpenForSystem();
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var user = await db.Set<User>().AsNoTracking().SingleOrDefaultAsync(row => row.Email == email, cancellationToken);
        if (user is { Status: MemberStatus.Unverified } && !await tokens.EnoughAsync(db, user.Id, MailTokenPurpose.VerifyEmail, cancellationToken))
        {
            outbox.Add(db, user.OrganisationId, email, mails.Verify(await tokens.IssueAsync(db, user.OrganisationId, user.Id, MailTokenPurpose.VerifyEmail, cancellationToken)));
        }
        else
        {
            tokens.AddDecoy(db, MailTokenPurpose.VerifyEmail);
        }

        await db.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        outbox.Announce();
        return Results.StatusCode(StatusCodes.Status202Accepted);
    }

    private static async Task<IResult> OfferAsync(MailTokenRequest request, KralikiDbFactory databases, MailTokens tokens, TimeProvider time, CancellationToken cancellationToken)
    {
        await using var db = databases.OpenForSystem();
        var (invitation, refusal) = await FindInvitationAsync(db, request.Token, tokens, time, cancellationToken);
        return refusal ?? TypedResults.Ok(invitation!.ToOffer());
    }

    /// <summary>The invitation that the link opens, or in plain words why it opens none.</summary>
    private static async Task<(Invitation? Invitation, IResult? Refusal)> FindInvitationAsync(
        KralikiDb db, string token, MailTokens tokens, TimeProvider time, CancellationToken cancellationToken)
    {
        var id = await tokens.SubjectAsync(db, token, MailTokenPurpose.AcceptInvitation, cancellationToken);
        var invitation = await db.Set<Invitation>().AsNoTracking()
            .Include(row => row.Organisation).Include(row => row.InvitedBy)
            .SingleOrDefaultAsync(row => row.Id == id, cancellationToken);
        return invitation switch
        {
            null => Gone("link_expired", "This link is not one of ours; open it again from the mail, as a whole."),
            { AcceptedAt: not null } => Gone("invitation_used", "This invitation was accepted already; sign in."),
            { WithdrawnAt: not null } => Gone("invitation_withdrawn", "This invitation was withdrawn; ask the person who invited you."),
            _ when invitation.ExpiresAt <= time.GetUtcNow() => Gone("invitation_expired", "This invitation has expired; ask the person who invited you for a new one."),
            _ when await tokens.FindAsync(db, token, MailTokenPurpose.AcceptInvitation, cancellationToken) is null
                => Gone("invitation_replaced", "A newer mail with another link was sent to you; open that one."),
            _ => (invitation, null),
        };
    }

    private static (Invitation? Invitation, IResult? Refusal) Gone(string code, string detail) => (null, Problems.Result(StatusCodes.Status410Gone, code, detail));

    /// <summary>Whether a write failed because the address has an account by now; every other failure is the database's.</summary>
    private static async Task<bool> TakenAsync(KralikiDbFactory databases, string email, CancellationToken cancellationToken)
    {
        // Not on the connection of the failed write: PostgreSQL answers nothing more in its transaction.
        await using var db = databases.OpenForSystem();
        return await db.Set<User>().AnyAsync(user => user.Email == email, cancellationToken);
    }

    private static async Task TellOwnerAsync(KralikiDb db, User owner, MailTokens tokens, Outbox outbox, AccountMails mails, CancellationToken cancellationToken)
    {
        var unconfirmed = owner.Status == MemberStatus.Unverified;
        if (unconfirmed)
        {
            // Two have typed this address, each with a password. A link that confirms the account would confirm the first one's
            // password, whoever opens it; the link that sets a new one leaves the account to the reader of the mailbox.
            await tokens.EndAsync(db, owner.Id, MailTokenPurpose.VerifyEmail, cancellationToken);
        }

        if (owner.Status == MemberStatus.Deactivated || await tokens.EnoughAsync(db, owner.Id, MailTokenPurpose.ResetPassword, cancellationToken))
        {
            tokens.AddDecoy(db, MailTokenPurpose.ResetPassword);
        }
        else
        {
            var token = await tokens.IssueAsync(db, owner.OrganisationId, owner.Id, MailTokenPurpose.ResetPassword, cancellationToken);
            outbox.Add(db, owner.OrganisationId, owner.Email, unconfirmed ? mails.RegisteredTwice(token) : mails.AlreadyRegistered(token));
        }

        await db.SaveChangesAsync(cancellationToken);
    }

    private static IResult Accepted(string email) =>
        Results.Json(new RegisterResponse(email, VerificationRequired: true), ContractsJson.Default.RegisterResponse, statusCode: 202);
}
