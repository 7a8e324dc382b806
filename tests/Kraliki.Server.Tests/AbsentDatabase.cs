using System.Data.Common;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection;

namespace Kraliki.Server.Tests;

/// <summary>A switch: while it is on no connection opens any more, as when another machine has the database and is gone.</summary>
internal sealed class AbsentDatabase : DbConnectionInterceptor
{
    private volatile bool _yes;

    public bool Yes
    {
        get => _yes;
        set => _yes = value;
    }

    public void Install(IServiceCollection services) => TestDatabase.Intercept(services, this);

    public override ValueTask<InterceptionResult> ConnectionOpeningAsync(
        DbConnection connection, ConnectionEventData eventData, InterceptionResult result, CancellationToken cancellationToken = default) =>
        _yes ? throw new SqliteException("The test has taken the database away.", 5) : ValueTask.FromResult(result);
}
