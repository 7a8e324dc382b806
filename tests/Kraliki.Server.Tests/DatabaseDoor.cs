using System.Data.Common;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection;

namespace Kraliki.Server.Tests;

/// <summary>Through it goes whoever asks the database; a test shuts it in one of two ways.</summary>
internal sealed class DatabaseDoor : DbConnectionInterceptor
{
    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile TaskCompletionSource? _frozen;
    private volatile Func<Exception>? _refusal;

    /// <summary>Somebody waits before it.</summary>
    public Task Reached => _reached.Task;

    public void Install(IServiceCollection services) => TestDatabase.Intercept(services, this);

    /// <summary>From now on nobody gets a connection.</summary>
    /// <param name="with">What everybody gets instead; else the driver's own words for a database that is away.</param>
    public void Refuse(Func<Exception>? with = null) => _refusal = with ?? (() => new SqliteException("The test has taken the database away.", 5));

    /// <summary>From now on everybody waits.</summary>
    public void Freeze() => _frozen = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Open()
    {
        _refusal = null;
        _frozen?.TrySetResult();
        _frozen = null;
    }

    public override async ValueTask<InterceptionResult> ConnectionOpeningAsync(
        DbConnection connection, ConnectionEventData eventData, InterceptionResult result, CancellationToken cancellationToken = default)
    {
        if (_refusal is { } refusal)
        {
            throw refusal();
        }

        if (_frozen is { } frozen)
        {
            _reached.TrySetResult();
            await frozen.Task.WaitAsync(cancellationToken);
        }

        return result;
    }
}
