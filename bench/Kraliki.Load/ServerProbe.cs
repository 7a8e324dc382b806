using System.Globalization;

namespace Kraliki.Load;

/// <summary>One reading of a process's cost from <c>/proc</c>.</summary>
/// <param name="CpuMs">User and system time since its start, milliseconds (the kernel counts in steps of 10).</param>
/// <param name="ContextSwitches">Of all threads alive now, voluntary and not; a difference misses those of threads that ended, and may be negative.</param>
internal readonly record struct ServerSample(double CpuMs, long ResidentKb, long ContextSwitches, int Threads);

internal static class ServerProbe
{
    // sysconf(_SC_CLK_TCK), 100 on every Linux that .NET runs on.
    private const double MsPerTick = 10;

    /// <returns>All zero when <paramref name="pid"/> is 0.</returns>
    public static ServerSample Read(int pid)
    {
        if (pid == 0) return default;

        // Fields 14 and 15 (utime, stime), counted after the command name, which may hold spaces.
        var stat = File.ReadAllText($"/proc/{pid}/stat");
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        var ticks = Number(fields[11]) + Number(fields[12]);

        long switches = 0;
        var tasks = Directory.GetDirectories($"/proc/{pid}/task");
        foreach (var task in tasks)
        {
            try
            {
                switches += Field($"{task}/status", "voluntary_ctxt_switches") + Field($"{task}/status", "nonvoluntary_ctxt_switches");
            }
            catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or IOException)
            {
                // The thread ended between the listing and the reading.
            }
        }

        return new ServerSample(ticks * MsPerTick, Field($"/proc/{pid}/status", "VmRSS"), switches, tasks.Length);
    }

    private static long Field(string file, string name)
    {
        foreach (var line in File.ReadLines(file))
        {
            if (line.StartsWith(name + ":", StringComparison.Ordinal)) return Number(line[(name.Length + 1)..].Replace("kB", "").Trim());
        }

        throw new InvalidOperationException($"{file} has no {name}.");
    }

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
