using System.Data.Common;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Kraliki.Server.Data;

/// <summary>What PostgreSQL does otherwise than SQLite with a single command.</summary>
internal sealed class PostgreSqlCommands : DbCommandInterceptor
{
    /// <summary>A text as PostgreSQL can keep it: U+0000, which people can send and SQLite stores, it refuses.</summary>
    public static string Storable(string text) => text.Replace('\0', '\uFFFD');

    public override DbCommand CommandInitialized(CommandEndEventData eventData, DbCommand result)
    {
        foreach (DbParameter parameter in result.Parameters)
        {
            parameter.Value = parameter.Value switch
            {
                string text => Storable(text),
                IEnumerable<string?> texts => texts.Select(text => text is null ? null : Storable(text)).ToArray(),
                var other => other,
            };
        }

        return result;
    }

    public override void CommandFailed(DbCommand command, CommandErrorEventData eventData) => Failed(command, eventData.Exception);

    public override Task CommandFailedAsync(DbCommand command, CommandErrorEventData eventData, CancellationToken cancellationToken = default)
    {
        Failed(command, eventData.Exception);
        return Task.CompletedTask;
    }

    private static void Failed(DbCommand command, Exception failure)
    {
        if (PostgreSqlPool.LeadsNowhere(failure) && command.Connection is { } connection)
        {
            PostgreSqlPool.Forget(connection);
        }
    }
}
