using System.Linq.Expressions;
using Kraliki.Server.Data;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Identity;

/// <summary>
/// Ends sign-ins: their refresh tokens, the access tokens that are still alive and the sockets that are open, on this node
/// at once, on others within <see cref="Revocations.Staleness"/>. Safe from any thread.
/// </summary>
/// <remarks>
/// Each method has a transaction of its own: call it after the commit of the change that it follows, never inside. A
/// sign-in's row is the lock between ending it and renewing its tokens (<see cref="RefreshTokens.RotateAsync"/>): whichever
/// comes second sees all that the first has done.
/// </remarks>
internal sealed class SignIns(KralikiDbFactory databases, Revocations revocations, LiveSignIns live, TimeProvider time)
{
    /// <returns>False when it has ended before or never was.</returns>
    public async Task<bool> EndAsync(Guid signIn, SignInEnd reason, CancellationToken cancellationToken) =>
        await EndWhereAsync(row => row.Id == signIn, reason, cancellationToken) > 0;

    /// <param name="except">The sign-in that goes on: the one of the person who changes the password.</param>
    /// <returns>How many were ended.</returns>
    public Task<int> EndAllAsync(Guid user, SignInEnd reason, Guid? except, CancellationToken cancellationToken) =>
        EndWhereAsync(row => row.UserId == user && row.Id != except, reason, cancellationToken);

    /// <summary>
    /// The person's role was changed: access tokens that name the old one die, the sign-ins live on, and a refresh gives
    /// tokens with the new role. Sockets are closed and come back with what the new role allows.
    /// </summary>
    public async Task RevokeAccessAsync(Guid user, CancellationToken cancellationToken)
    {
        await using var db = databases.OpenForSystem();
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);

        // Changes nothing but waits for a rotation that has read the old role and not committed its token yet.
        await db.Set<SignIn>().Where(row => row.UserId == user && row.EndedAt == null)
            .ExecuteUpdateAsync(row => row.SetProperty(r => r.LastUsedAt, r => r.LastUsedAt), cancellationToken);
        var signIns = await db.Set<SignIn>().Where(row => row.UserId == user && row.EndedAt == null).Select(row => row.Id).ToListAsync(cancellationToken);
        var revoked = await RevokeAsync(db, signIns, cancellationToken);
        await transaction.CommitAsync(cancellationToken);

        revocations.Refuse(revoked);
        live.Notify(signIns, AccessLoss.Changed);
    }

    private async Task<int> EndWhereAsync(Expression<Func<SignIn, bool>> which, SignInEnd reason, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        await using var db = databases.OpenForSystem();
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        await db.Set<SignIn>().Where(which).Where(row => row.EndedAt == null)
            .ExecuteUpdateAsync(row => row.SetProperty(r => r.EndedAt, now).SetProperty(r => r.EndReason, reason), cancellationToken);
        var ended = await db.Set<SignIn>().Where(which).Where(row => row.EndedAt == now).Select(row => row.Id).ToListAsync(cancellationToken);
        var revoked = await RevokeAsync(db, ended, cancellationToken);
        await transaction.CommitAsync(cancellationToken);

        revocations.Refuse(revoked);
        live.Notify(ended, AccessLoss.SignedOut);
        return ended.Count;
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
