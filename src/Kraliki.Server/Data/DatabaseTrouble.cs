using System.Data.Common;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Data;

/// <summary>What a job takes for a bad moment of the database: it says so, goes on, and its next round tries again. Anything else is a bug and stops the host.</summary>
internal static class DatabaseTrouble
{
    /// <remarks>
    /// A save wraps the driver's exception, and a connection or transaction that broke under a query reports its state
    /// (<see cref="InvalidOperationException"/>) instead of the cause.
    /// </remarks>
    public static bool Is(Exception e) => e is DbException or DbUpdateException or InvalidOperationException;
}
