using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Kraliki.Server.Mail;
using Kraliki.Server.Operations;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Identity;

/// <summary>A new password: by a link in a mail for those who forgot the old one, by the old one for those who did not.</summary>
internal static class PasswordApi
{
    public static void MapPasswords(this RouteGroupBuilder auth)
    {
        auth.MapPost("/forgot-password", ForgotAsync).AllowAnonymous().RequireRateLimiting(RateLimits.Mail)
            .WithName("ForgotPassword").WithSummary("Send a mail with a link that sets a new password")
            .WithDescription("Always 202. At most three mails in 15 minutes go to one address.")
            .Produces(202).ProducesProblem(400).ProducesProblem(429);
        auth.MapPost("/reset-password", ResetAsync).AllowAnonymous().RequireRateLimiting(RateLimits.Login)
            .WithName("ResetPassword").WithSummary("Set a new password by the token of a mail")
            .WithDescription("Ends every sign-in of the account. The token stays good when the password is refused.")
            .Produces(204).ProducesProblem(400).ProducesProblem(410).ProducesProblem(429);
        auth.MapPost("/change-password", ChangeAsync).RequireRateLimiting(RateLimits.Login)
            .WithName("ChangePassword").WithSummary("Set a new password by the current one")
            .WithDescription("Ends every other sign-in of the account.")
            .Produces(204).ProducesProblem(400).ProducesProblem(401).ProducesProblem(429);
    }

    private static async Task<IResult> ForgotAsync(
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
        if (user is { DeactivatedAt: null } && !await tokens.EnoughAsync(db, user.Id, MailTokenPurpose.ResetPassword, cancellationToken))
        {
            outbox.Add(db, user.OrganisationId, email, mails.Reset(await tokens.IssueAsync(db, user.OrganisationId, user.Id, MailTokenPurpose.ResetPassword, cancellationToken)));
        }
        else
        {
            tokens.AddDecoy(db, MailTokenPurpose.ResetPassword);
        }

        await db.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        outbox.Announce();
        return Results.StatusCode(StatusCodes.Status202Accepted);
    }

    private static async Task<IResult> ResetAsync(
        ResetPasswordRequest request,
        HttpContext http,
        KralikiDbFactory databases,
        PasswordHashes passwords,
        MailTokens tokens,
        Outbox outbox,
        AccountMails mails,
        LoginDelays delays,
        SignIns signIns,
        AuditLog audit,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        await using var db = databases.OpenForSystem();
        var id = await tokens.FindAsync(db, request.Token, MailTokenPurpose.ResetPassword, cancellationToken);
        var known = await db.Set<User>().AsNoTracking().Include(row => row.Organisation).SingleOrDefaultAsync(row => row.Id == id, cancellationToken);
        if (known is null)
        {
            return RegistrationApi.LinkExpired();
        }

        var complaints = new AccountComplaints().Password("new_password", request.NewPassword, known.Email, known.Name, known.Organisation.Name);
        if (complaints.Any)
        {
            return complaints.Refusal();
        }

        var hash = await passwords.HashAsync(request.NewPassword, cancellationToken);
        var now = time.GetUtcNow();
        LostAccess lost;
        await using (var transaction = await db.Database.BeginTransactionAsync(cancellationToken))
        {
            if (await tokens.UseAsync(db, request.Token, MailTokenPurpose.ResetPassword, cancellationToken) is null)
            {
                return RegistrationApi.LinkExpired();
            }

            var user = await db.Set<User>().SingleAsync(row => row.Id == known.Id, cancellationToken);
            user.PasswordHash = hash;

            // Whoever opened this link reads the mailbox; and a link to confirm the address must not outlive the password it was made with.
            user.EmailVerifiedAt ??= now;
            user.Touch(now);
            await tokens.EndAsync(db, user.Id, MailTokenPurpose.VerifyEmail, cancellationToken);
            outbox.Add(db, user.OrganisationId, user.Email, mails.PasswordChanged());
            await db.SaveChangesAsync(cancellationToken);
            lost = await signIns.EndAllAsync(db, user.Id, SignInEnd.PasswordChanged, except: null, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }

        // The password has changed: a client that is gone must not keep the rest from happening.
        signIns.Announce(lost);
        outbox.Announce();
        await delays.SucceededAsync(known.Email, RateLimits.AddressOf(http.Connection.RemoteIpAddress), CancellationToken.None);
        await audit.WriteAsync(AuditActions.PasswordReset, known.Id.ToString(), actor: known.Email, organisation: known.OrganisationId);
        return Results.NoContent();
    }

    private static async Task<IResult> ChangeAsync(
        ChangePasswordRequest request,
        HttpContext http,
        CurrentUser current,
        KralikiDbFactory databases,
        MailTokens tokens,
        PasswordHashes passwords,
        LoginDelays delays,
        Outbox outbox,
        AccountMails mails,
        SignIns signIns,
        AuditLog audit,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        // Tokens, which a new password ends, are rows of the installation: the request's context does not see them.
        await using var db = databases.OpenForSystem();
        var user = await db.Set<User>().Include(row => row.Organisation)
            .SingleAsync(row => row.Id == current.Id && row.OrganisationId == current.OrganisationId, cancellationToken);
        var complaints = new AccountComplaints().Password("new_password", request.NewPassword, user.Email, user.Name, user.Organisation.Name);
        if (complaints.Any)
        {
            return complaints.Refusal();
        }

        // A stolen sign-in must not become a place to guess the password at leisure.
        var address = RateLimits.AddressOf(http.Connection.RemoteIpAddress);
        using var attempt = await delays.BeginAsync(user.Email, address, cancellationToken);
        if (attempt.Wait is { } wait)
        {
            return LoginDelays.Refusal(http, wait);
        }

        if (PasswordRules.TooLong(request.CurrentPassword)
            || await passwords.VerifyAsync(request.CurrentPassword, user.PasswordHash, cancellationToken) == PasswordMatch.Wrong)
        {
            await audit.WriteAsync(AuditActions.PasswordChangeFailed, user.Id.ToString());
            return Problems.Invalid("current_password", "current_password is wrong.");
        }

        await attempt.SucceededAsync();
        user.PasswordHash = await passwords.HashAsync(request.NewPassword, cancellationToken);
        user.Touch(time.GetUtcNow());
        outbox.Add(db, user.OrganisationId, user.Email, mails.PasswordChanged());
        LostAccess lost;
        try
        {
            await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
            await db.SaveChangesAsync(cancellationToken);

            // A link that somebody else asked for must not undo what its owner has just chosen.
            await tokens.EndAsync(db, user.Id, MailTokenPurpose.ResetPassword, cancellationToken);
            lost = await signIns.EndAllAsync(db, user.Id, SignInEnd.PasswordChanged, except: current.SignIn, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }
        catch (DbUpdateConcurrencyException)
        {
            return Problems.Result(StatusCodes.Status409Conflict, "changed_meanwhile", "This account was changed in the same moment; try again.");
        }

        signIns.Announce(lost);
        outbox.Announce();
        await audit.WriteAsync(AuditActions.PasswordChanged, user.Id.ToString());
        return Results.NoContent();
    }
}
