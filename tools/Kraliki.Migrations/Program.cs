using Kraliki.Server.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;

Console.WriteLine("This project only serves dotnet-ef; its README has the command.");

/// <summary>Gives dotnet-ef a context without starting the server.</summary>
internal sealed class SqliteDesign : IDesignTimeDbContextFactory<KralikiDb>
{
    public KralikiDb CreateDbContext(string[] args) =>
        new(new DbContextOptionsBuilder<KralikiDb>().UseSqlite("Data Source=:memory:").Options, organisation: null);
}

/// <inheritdoc cref="SqliteDesign"/>
internal sealed class PostgreSqlDesign : IDesignTimeDbContextFactory<PostgreSqlDb>
{
    public PostgreSqlDb CreateDbContext(string[] args) =>
        new(new DbContextOptionsBuilder<KralikiDb>().UseNpgsql("Host=nobody-connects").Options, organisation: null);
}
