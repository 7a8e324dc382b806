using Kraliki.Server.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;

Console.WriteLine("This project only serves dotnet-ef; its README has the command.");

/// <summary>Gives dotnet-ef a context without starting the server.</summary>
internal sealed class DesignTimeFactory : IDesignTimeDbContextFactory<KralikiDb>
{
    public KralikiDb CreateDbContext(string[] args) =>
        new(new DbContextOptionsBuilder<KralikiDb>().UseSqlite("Data Source=:memory:").Options, organisation: null);
}
