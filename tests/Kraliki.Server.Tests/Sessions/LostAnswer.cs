using System.Data.Common;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection;

namespace Kraliki.Server.Tests.Sessions;

/// <summary>A connection that breaks between the database's commit and its answer: it is written, and who wrote it cannot know.</summary>
internal sealed class LostAnswer : DbTransactionInterceptor
{
    private int _until;

    public bool Happened => Volatile.Read(ref _until) == 0;

    public void Install(IServiceCollection services) => TestDatabase.Intercept(services, this);

    /// <param name="commit">Of the next commits, the one whose answer gets lost.</param>
    public void Arm(int commit = 1) => Volatile.Write(ref _until, commit);

    public override Task TransactionCommittedAsync(DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        if (Volatile.Read(ref _until) > 0 && Interlocked.Decrement(ref _until) == 0)
        {
            throw new SqliteException("The test has lost the answer.", 5);
        }

        return Task.CompletedTask;
    }
}
