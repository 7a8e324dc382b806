namespace Kraliki.Server.Tests;

/// <summary>The source tree that the tests run in, for those that compare with or write into it.</summary>
internal static class Repository
{
    private const string Refresh = "KRALIKI_UPDATE_SNAPSHOTS";

    public static string Root { get; } = FindRoot();

    /// <summary>Compares with a committed file, or, when asked to by the environment, writes it.</summary>
    /// <param name="file">Relative to <see cref="Root"/>.</param>
    public static async Task AssertSnapshotAsync(string file, string actual, CancellationToken cancellationToken)
    {
        var path = Path.Combine(Root, file);
        if (Environment.GetEnvironmentVariable(Refresh) == "1")
        {
            await File.WriteAllTextAsync(path, actual, cancellationToken);
        }

        Assert.True(
            File.Exists(path) && await File.ReadAllTextAsync(path, cancellationToken) == actual,
            $"{file} is not what it would be now. When the change is wanted: {Refresh}=1 ./test.sh server, and commit the file.");
    }

    private static string FindRoot()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory.FullName, "Kraliki.slnx")))
        {
            directory = directory.Parent ?? throw new InvalidOperationException("The tests do not run inside the repository.");
        }

        return directory.FullName;
    }
}
