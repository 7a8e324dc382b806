using System.Linq.Expressions;
using Kraliki.Server.Data;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Identity;

/// <summary>What a transaction takes from people once it is committed.</summary>
internal sealed record LostAccess(IReadOnlyList<Guid> SignIns, IReadOnlyList<RevokedToken> Tokens, AccessLoss Why);

/// <summary>
/// Ends sign-ins: their refresh tokens, the access tokens that are still alive and the sockets that are open, on this node
/// at once, on others within <see cref="Revocations.Staleness"/>. Safe from any thread.
/// </summary>
/// <remarks>
/// Changes that end sign-ins (a new password, a role, a deactivation) are one with it: they do both in one transaction of
/// theirs and <see cref="Announce"/> it once that is committed. A sign-in's row is the lock between ending it and renewing
/// its tokens (<see cref="RefreshTokens.RotateAsync"/>): whichever comes second sees all that the first has done.
/// </remarks>
internal sealed class SignIns(KralikiDbFactory databases, Revocations revocations, LiveSignIns live, TimeProvider time)
{
    /// <returns>False when it has ended before or never was.</returns>
    public async Task<bool> EndAsync(Guid signIn, SignInEnd reason, CancellationToken cancellationToken) =>
        await EndAndAnnounceAsync(row => row.Id == signIn, reason, cancellationToken) > 0;

    /// <returns>How many were ended.</returns>
    public Task<int> EndAllAsync(Guid user, SignInEnd reason, CancellationToken cancellationToken) =>
        EndAndAnnounceAsync(row => row.UserId == user, reason, cancellationToken);

    /// <summary>Ends them in the caller's transaction, which has already written the change that they end for.</summary>
    /// <param name="db">A context of the system: others do not see tokens.</param>
    /// <param name="except">The sign-in that goes on: the one of the person who changes the password.</param>
    public Task<LostAccess> EndAllAsync(KralikiDb db, Guid user, SignInEnd reason, Guid? except, CancellationToken cancellationToken) =>
        EndWhereAsync(db, row => row.UserId == user && row.Id != except, reason, cancellationToken);

    /// <summary>
    /// For a changed role, in the caller's transaction, which has already written it: access tokens that name the old one
    /// die, the sign-ins live on, and a refresh gives tokens with the new role. Sockets are closed and come back with what
    /// the new role allows.
    /// </summary>
    /// <param name="db">A context of the system: others do not see tokens.</param>
    public async Task<LostAccess> RevokeAccessAsync(KralikiDb db, Guid user, CancellationToken cancellationToken)
    {
        // Changes nothing but waits for a rotation that has read the old role and not committed its token yet.
        await db.Set<SignIn>().Where(row => row.UserId == user && row.EndedAt == null)
            .ExecuteUpdateAsync(row => row.SetProperty(r => r.LastUsedAt, r => r.LastUsedAt), cancellationToken);
        var signIns = await db.Set<SignIn>().Where(row => row.UserId == user && row.EndedAt == null).Select(row => row.Id).ToListAsync(cancellationToken);
        return new(signIns, await RevokeAsync(db, signIns, cancellationToken), AccessLoss.Changed);
    }

    /// <summary>After the commit: this node refuses the tokens and closes the sockets at once. Not called, it does so like the other nodes.</summary>
    public void Announce(LostAccess lost)
    {
        revocations.Refuse(lost.Tokens);
        live.Notify(lost.SignIns, lost.Why);
    }

    private async Task<int> EndAndAnnounceAsync(Expression<Func<SignIn, bool>> which, SignInEnd reason, CancellationToken cancellationToken)
    {
        await using var db = databases.OpenForSystem();
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var ended = await EndWhereAsync(db, which, reason, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        Announce(ended);
        return ended.SignIns.Count;
    }

    private async Task<LostAccess> EndWhereAsync(KralikiDb db, Expression<Func<SignIn, bool>> which, SignInEnd reason, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        await db.Set<SignIn>().Where(which).Where(row => row.EndedAt == null)
            .ExecuteUpdateAsync(row => row.SetProperty(r => r.EndedAt, now).SetProperty(r => r.EndReason, reason), cancellationToken);
        var ended = await db.Set<SignIn>().Where(which).Where(row => row.EndedAt == now).Select(row => row.Id).ToListAsync(cancellationToken);
        return new(ended, await RevokeAsync(db, ended, cancellationToken), AccessLoss.SignedOut);
    }

    /// <summary>Writes down the access tokens of these sign-ins that somebody could still use.</summary>
    private async Task<List<RevokedToken>> RevokeAsync(KralikiDb db, List<Guid> signIns, CancellationToken cancellationToken)
    {
        // An access token bears the id of the refresh token it was made with, and its time.
        var alive = time.GetUtcNow() - AccessTokens.Life;
        var issued = await db.Set<RefreshToken>()
            .Where(row => signIns.Contains(row.SignInId) && row.CreatedAt > alive && !db.Set<RevokedToken>().Any(known => known.Jti == row.Id))
            .Select(row => new { row.Id, row.CreatedAt })
            .ToListAsync(cancellationToken);
        var revoked = issued.ConvertAll(row => new RevokedToken { Jti = row.Id, ExpiresAt = row.CreatedAt + AccessTokens.Life });
        db.AddRange(revoked);
        await db.SaveChangesAsync(cancellationToken);
        return revoked;
    }
}
