using System.Globalization;
using System.Runtime.InteropServices;
using Kraliki.Chaos;
using Kraliki.Simulators;

// Breaks a cluster under live calls and compares what everybody was told.
//   Kraliki.Chaos 500 [--seed S] [--others N] [--only kind,kind] [--nodes 5] [--calls 6] [--batch 25] [--out FILE] [--dir D] [--ports FROM-TO] [--server DIR]
//   Kraliki.Chaos report FILE
SimulatorArguments arguments;
try
{
    arguments = new(args);
}
catch (ArgumentException wrong)
{
    Console.Error.WriteLine(wrong.Message);
    return 2;
}

if (arguments.Names is ["report", var results])
{
    Console.Write(ChaosReport.Markdown(ChaosReport.Read(results)));
    return 0;
}

if (arguments.Names is not [var number] || !int.TryParse(number, CultureInfo.InvariantCulture, out var kills) || kills < 0)
{
    Console.Error.WriteLine("Say how many nodes to kill, or: report FILE.");
    return 2;
}

var seed = arguments.Number("seed") ?? Random.Shared.Next(1, 1_000_000);
var only = arguments.Text("only")?.Split(',').Select(kind => Enum.Parse<ClusterFault>(kind.Replace("_", "", StringComparison.Ordinal), ignoreCase: true)).ToArray();
var others = arguments.Number("others") ?? 0;
var batch = arguments.Number("batch") ?? 25;
var output = arguments.Text("out") ?? $"chaos-{seed}.jsonl";
var plan = Plan(kills, others, only, batch, seed);
var done = ChaosReport.Read(output);
Console.WriteLine($"seed {seed}, {plan.Count} batches, {done.Count} of them done before, results in {output}");

using var stop = new CancellationTokenSource();
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
try
{
    var directory = arguments.Text("dir") ?? Path.Combine(Path.GetTempPath(), "kraliki-chaos");
    await using var run = await ChaosRun.StartAsync(
        directory, new(arguments.Number("nodes") ?? 5, arguments.Text("ports"), arguments.Text("server")), Console.WriteLine, stop.Token);
    for (var at = done.Count; at < plan.Count; at++)
    {
        Console.WriteLine($"batch {at + 1} of {plan.Count}");
        // Each batch has a seed of its own, so that a run that goes on where it stopped does the same as one in a piece.
        var result = await run.RunAsync(plan[at], unchecked((seed * 1000) + at), arguments.Number("calls") ?? 6, stop.Token);
        ChaosReport.Append(output, result);
        foreach (var finding in result.Findings)
        {
            Console.WriteLine($"FOUND {finding.Kind} {finding.Session}: {finding.What}");
        }
    }
}
catch (OperationCanceledException) when (stop.IsCancellationRequested)
{
    Console.WriteLine("Stopped; the same command goes on after the last finished batch.");
}

var all = ChaosReport.Read(output);
Console.Write(ChaosReport.Markdown(all));
return all.Count == plan.Count && all.All(result => result.Findings.Count == 0 && result.Faults.All(fault => fault.LostCalls == 0)) ? 0 : 1;

// Kills and the other faults in an order that the seed decides, the others spread over all batches.
static List<List<ClusterFault>> Plan(int kills, int others, ClusterFault[]? only, int batch, int seed)
{
    var kinds = only ?? [.. Enum.GetValues<ClusterFault>().Where(kind => kind != ClusterFault.KillNode)];
    var faults = Enumerable.Repeat(ClusterFault.KillNode, kills).Concat(Enumerable.Range(0, others).SelectMany(_ => kinds)).ToArray();
    new Random(seed).Shuffle(faults);
    return [.. faults.Chunk(batch).Select(chunk => chunk.ToList())];
}

void Stop(PosixSignalContext context)
{
    context.Cancel = true;
    stop.Cancel();
}
