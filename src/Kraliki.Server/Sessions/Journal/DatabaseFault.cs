using System.Data.Common;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Sessions.Journal;

internal enum DatabaseFaultKind
{
    /// <summary>Gone, restarting, locked, or too slow to be waited for.</summary>
    Away,

    DiskFull,

    /// <summary>The disk reports errors, or has become read-only.</summary>
    DiskBroken,
}

/// <summary>Why nothing can be written at present.</summary>
/// <param name="Since">The first failure; whatever follows belongs to the same outage until something was written again.</param>
internal sealed record DatabaseFault(DatabaseFaultKind Kind, DateTimeOffset Since)
{
    /// <summary>For people, as the part of a sentence.</summary>
    public string Words => Kind switch
    {
        DatabaseFaultKind.DiskFull => "the disk is full",
        DatabaseFaultKind.DiskBroken => "the disk cannot be written",
        _ => "the database does not answer",
    };

    /// <summary>Is it the database, or only this one write?</summary>
    /// <returns>Null when it is the write: another one may well succeed.</returns>
    public static DatabaseFaultKind? KindOf(Exception failure) => failure switch
    {
        // A save wraps the driver's exception, and so does a query that might succeed when it is repeated.
        DbUpdateException or InvalidOperationException when failure.InnerException is { } inner => KindOf(inner),

        // Primary codes, https://sqlite.org/rescode.html
        SqliteException { SqliteErrorCode: 13 } => DatabaseFaultKind.DiskFull,
        SqliteException { SqliteErrorCode: 8 or 10 or 14 } => DatabaseFaultKind.DiskBroken,
        SqliteException { SqliteErrorCode: 5 or 6 or 11 or 26 } => DatabaseFaultKind.Away,
        SqliteException => null,

        // Classes and codes, https://www.postgresql.org/docs/current/errcodes-appendix.html
        DbException { SqlState: "53100" } => DatabaseFaultKind.DiskFull,
        DbException { SqlState: "58030" } => DatabaseFaultKind.DiskBroken,
        DbException { SqlState: null or "25006" or "3D000" or "55000" or "57014" } => DatabaseFaultKind.Away,
        DbException { SqlState: ['0', '8', ..] or ['5', '3', ..] or ['5', '7', 'P', ..] } => DatabaseFaultKind.Away,
        _ => null,
    };
}
