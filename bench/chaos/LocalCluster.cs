using System.Diagnostics;
using System.Text.Json;

namespace Kraliki.Chaos;

/// <summary>An installation of real processes on this machine: <c>deploy/cluster.sh</c>, and what it tells in <c>cluster.json</c>.</summary>
/// <remarks>Its carrier and AI provider are simulators of this process (<see cref="Telephone"/>), so that what callers hear can be looked at.</remarks>
public sealed class LocalCluster : IAsyncDisposable
{
#if DEBUG
    private const string Configuration = "Debug";
#else
    private const string Configuration = "Release";
#endif

    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(2) };
    private readonly string _directory;
    private readonly IReadOnlyDictionary<string, string> _environment;

    private LocalCluster(string directory, IReadOnlyDictionary<string, string> environment)
    {
        _directory = directory;
        _environment = environment;
    }

    /// <summary>Addresses, ports and keys.</summary>
    public ClusterFile File { get; private set; } = null!;

    /// <summary>PostgreSQL, Redis, nodes and proxy, all ready. Binaries must be built in this configuration.</summary>
    /// <param name="directory">Emptied when it holds an earlier cluster; logs stay in it.</param>
    public static async Task<LocalCluster> StartAsync(string directory, ClusterShape shape, Telephone telephone, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(shape);
        ArgumentNullException.ThrowIfNull(telephone);
        var cluster = new LocalCluster(directory, new Dictionary<string, string>
        {
            ["KRALIKI_ACCOUNT_SID"] = telephone.Carrier.AccountSid,
            ["KRALIKI_AUTH_TOKEN"] = telephone.Carrier.AuthToken,
            ["KRALIKI_OPENAI_KEY"] = Telephone.ProviderKey,
            // A node that comes back is not waited for here: who needs it asks whether it is ready.
            ["KRALIKI_DO_NOT_WAIT"] = "1",
        });
        List<string> words =
        [
            "up", "--nodes", $"{shape.Nodes}", "--no-build", "--configuration", Configuration,
            "--carrier", telephone.Carrier.BaseUrl.GetLeftPart(UriPartial.Authority), "--provider", telephone.Provider.BaseUrl.AbsoluteUri,
            // Who takes over from whom is measured elsewhere, and nobody else understands callers who speak in tones.
            "--set", "Providers:Failover:Order=openai",
            // One machine plays all callers and all operators here.
            "--set", "Limits:UserPerMinute=100000", "--set", "Limits:AddressPerMinute=100000", "--set", "Limits:SignInPerMinute=1000",
        ];
        if (shape.Ports is not null)
        {
            words.AddRange(["--ports", shape.Ports]);
        }

        if (shape.Server is not null)
        {
            words.AddRange(["--server", shape.Server]);
        }

        await cluster.RunAsync(words, cancellationToken);
        var text = await System.IO.File.ReadAllTextAsync(Path.Combine(directory, "cluster.json"), cancellationToken);
        cluster.File = JsonSerializer.Deserialize<ClusterFile>(text, Json)!;
        return cluster;
    }

    /// <param name="word">As the script knows it: kill, stop, start, pause, resume.</param>
    /// <param name="member">A node's number, or postgres, redis, proxy.</param>
    public Task DoAsync(string word, string member, CancellationToken cancellationToken) => RunAsync([word, member], cancellationToken);

    public async Task<bool> IsReadyAsync(int node, CancellationToken cancellationToken)
    {
        try
        {
            using var answer = await _http.GetAsync(new Uri($"{File.Nodes[node - 1].Url}/health/ready"), cancellationToken);
            return answer.IsSuccessStatusCode;
        }
        catch (Exception away) when (away is HttpRequestException or TaskCanceledException && !cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <summary>Waits until so many nodes are ready.</summary>
    public Task ReadyAsync(int wanted, TimeProvider time, CancellationToken cancellationToken) => Wait.UntilAsync(
        async () => (await Task.WhenAll(Enumerable.Range(1, File.Nodes.Count).Select(node => IsReadyAsync(node, cancellationToken)))).Count(ready => ready) >= wanted,
        TimeSpan.FromMinutes(1), $"There are no {wanted} nodes ready within a minute.", time, cancellationToken);

    /// <summary>As a supervisor does: a node that has ended, for instance because it found itself cast out, is started again.</summary>
    public Task ReviveAsync(int node, TimeProvider time, CancellationToken cancellationToken) => Wait.UntilAsync(
        async () =>
        {
            if (!Lives(node))
            {
                await DoAsync("start", $"{node}", cancellationToken);
            }

            return await IsReadyAsync(node, cancellationToken);
        },
        TimeSpan.FromMinutes(1), $"Node {node} is not well within a minute.", time, cancellationToken);

    /// <summary>Whether the node's process is there at all; a node that found itself cast out of the cluster ends.</summary>
    public bool Lives(int node)
    {
        // "pid start-time", as the script has written it: pids come again.
        var record = Path.Combine(_directory, "run", $"node{node}.pid");
        return System.IO.File.Exists(record)
            && System.IO.File.ReadAllText(record).Split(' ', StringSplitOptions.TrimEntries) is [var pid, var born]
            && BirthOf(pid) == born;
    }

    /// <summary>Field 22 of <c>/proc/pid/stat</c>, clock ticks since the machine started; null when there is no such process, or only its remains.</summary>
    private static string? BirthOf(string pid)
    {
        try
        {
            // The name in field 2 may hold spaces and brackets: counting begins behind it, with the state.
            var stat = System.IO.File.ReadAllText($"/proc/{pid}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return fields[0] == "Z" ? null : fields[19];
        }
        catch (IOException)
        {
            return null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await RunAsync(["down"], CancellationToken.None);
        _http.Dispose();
    }

    private async Task RunAsync(IEnumerable<string> words, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(Path.Combine(Repository(), "deploy", "cluster.sh")) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var word in words.Concat(["--dir", _directory]))
        {
            start.ArgumentList.Add(word);
        }

        foreach (var (name, value) in _environment)
        {
            start.Environment[name] = value;
        }

        using var script = Process.Start(start)!;
        var said = script.StandardOutput.ReadToEndAsync(cancellationToken);
        var complained = script.StandardError.ReadToEndAsync(cancellationToken);
        await script.WaitForExitAsync(cancellationToken);
        if (script.ExitCode != 0)
        {
            throw new ClusterException($"cluster.sh {string.Join(' ', words)} ended with {script.ExitCode}: {await complained}{await said}");
        }
    }

    private static string Repository()
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (System.IO.File.Exists(Path.Combine(at.FullName, "Kraliki.slnx")))
            {
                return at.FullName;
            }
        }

        throw new ClusterException("This must run inside the repository: deploy/cluster.sh is needed.");
    }
}

/// <param name="Ports">As <c>--ports</c>; null is the script's own range.</param>
/// <param name="Server">Directory of a published server; null takes the build of this configuration.</param>
public sealed record ClusterShape(int Nodes, string? Ports = null, string? Server = null);

/// <summary>The script refused or failed.</summary>
public sealed class ClusterException(string message) : Exception(message);

/// <summary>What <c>cluster.json</c> holds.</summary>
/// <param name="Url">The proxy's: the only public address.</param>
/// <param name="Users">They share the password.</param>
/// <param name="Postgres">As Npgsql writes it.</param>
/// <param name="Redis">As StackExchange.Redis writes it.</param>
public sealed record ClusterFile(
    Uri Url, IReadOnlyList<string> Users, string Password, IReadOnlyList<NodeAddress> Nodes, string Postgres, string Redis);

public sealed record NodeAddress(string Url, int SiloPort);
