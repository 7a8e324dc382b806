using System.Linq.Expressions;
using Kraliki.Server.Data;
using Kraliki.Server.Sessions.Journal;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Identity;

/// <summary>
/// Accounts whose address nobody has confirmed, and the organisations that were made with them: whoever typed the address
/// need not be who reads its mail, and must not hold it for ever.
/// </summary>
internal static class UnconfirmedRegistrations
{
    /// <summary>After this they are removed.</summary>
    public static readonly TimeSpan Life = TimeSpan.FromDays(7);

    // Each takes three statements; what is left comes with the next round.
    private const int MostAtOnce = 200;

    /// <summary>Removes them in the caller's transaction, and each organisation that is empty then.</summary>
    /// <param name="which">Which of the unconfirmed ones; a confirmed or deactivated account is never removed.</param>
    /// <returns>How many accounts went.</returns>
    public static async Task<int> RemoveAsync(KralikiDb db, Expression<Func<User, bool>> which, CancellationToken cancellationToken)
    {
        var found = await db.Set<User>().Where(which)
            .Where(row => row.EmailVerifiedAt == null && row.DeactivatedAt == null)
            .OrderBy(row => row.CreatedAt)
            .Take(MostAtOnce)
            .Select(row => new { row.Id, row.OrganisationId })
            .ToListAsync(cancellationToken);
        var removed = 0;
        foreach (var account in found)
        {
            // Its links first, in the order in which opening one takes its locks: either the link works or the account goes.
            await db.Set<MailToken>().Where(row => row.SubjectId == account.Id).ExecuteDeleteAsync(cancellationToken);
            removed += await db.Set<User>().Where(row => row.Id == account.Id && row.EmailVerifiedAt == null).ExecuteDeleteAsync(cancellationToken);

            // Nobody was ever signed in to it, so beside its first assistant, which goes with it, and mails and the audit log, which stay, it has nothing; what a foreign key or a call says against it keeps it.
            await db.Set<Organisation>()
                .Where(row => row.Id == account.OrganisationId
                    && !db.Set<User>().Any(user => user.OrganisationId == row.Id)
                    && !db.Set<Invitation>().Any(invitation => invitation.OrganisationId == row.Id)
                    && !db.Set<SessionRow>().Any(session => session.OrganisationId == row.Id))
                .ExecuteDeleteAsync(cancellationToken);
        }

        return removed;
    }
}
