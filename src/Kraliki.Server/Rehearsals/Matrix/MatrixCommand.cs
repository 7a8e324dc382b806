using System.Collections.Concurrent;
using System.Globalization;
using Kraliki.LocalSpeech;
using Kraliki.Simulators.Callers;

namespace Kraliki.Server.Rehearsals.Matrix;

/// <summary><c>rehearse --all</c>: every script with every provider, in peace and with each fault, several calls at a time.</summary>
/// <remarks>
/// Calls in peace come first: how well the caller was heard in them is what the others are compared with. Memory is bounded
/// by the number of stages; of a call that is over only its result is kept.
/// </remarks>
internal static class MatrixCommand
{
    private const int Passed = 0;
    private const int Failed = 1;
    private const int WrongArgument = 2;

    // 128 + SIGINT, as shells say it.
    private const int Interrupted = 130;

    private static readonly string[] Providers = ["openai", "gemini", "deepgram", "deepgram_agent", "local"];

    /// <inheritdoc cref="RehearseCommand.RunAsync"/>
    public static async Task<int> RunAsync(IReadOnlyList<string> args, TextWriter output, TextWriter errors, CancellationToken cancellationToken)
    {
        if (!MatrixArguments.TryRead(args, out var arguments, out string? problem))
        {
            await errors.WriteLineAsync(problem);
            return WrongArgument;
        }

        var cells = MatrixCell.All(CallerScripts.All, Providers).Where(cell => arguments.Takes(cell.Name)).ToList();
        if (cells.Count == 0)
        {
            await errors.WriteLineAsync("No call has such a name; --list prints them.");
            return WrongArgument;
        }

        if (arguments.List)
        {
            cells.ForEach(cell => output.WriteLine(cell.Name));
            await output.WriteLineAsync($"{cells.Count} calls");
            return Passed;
        }

        if (SpeechParts.Check() is { Count: > 0 } missing)
        {
            await errors.WriteLineAsync(string.Join(' ', missing.Select(part => part.Remedy)));
            return Failed;
        }

        var results = new ConcurrentDictionary<string, CellResult>();
        bool interrupted = false;
        try
        {
            await RunAsync(cells, arguments, results, output, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            // By the caller, or by the person at the terminal, whose signal the servers take. What is done is reported.
            interrupted = true;
        }

        var done = cells.Select(cell => results.GetValueOrDefault(cell.Name)).OfType<CellResult>().ToList();
        if (arguments.Out is { } directory)
        {
            Directory.CreateDirectory(directory);
            await File.WriteAllTextAsync(Path.Combine(directory, "rehearsals.xml"), MatrixReport.JUnit(done), CancellationToken.None);
            await File.WriteAllTextAsync(Path.Combine(directory, "rehearsals.html"), MatrixReport.Page(done), CancellationToken.None);
        }

        int failed = done.Count(result => !result.Passed);
        await output.WriteLineAsync(failed == 0 ? $"PASSED: {done.Count} calls" : $"FAILED: {failed} of {done.Count} calls");
        if (interrupted)
        {
            await errors.WriteLineAsync($"Interrupted; {cells.Count - done.Count} calls were not run.");
            return Interrupted;
        }

        return failed == 0 ? Passed : Failed;
    }

    private static async Task RunAsync(
        List<MatrixCell> cells, MatrixArguments arguments, ConcurrentDictionary<string, CellResult> results, TextWriter output, CancellationToken cancellationToken)
    {
        int parallel = Math.Min(arguments.Parallel, cells.Count);

        // One for each call, 158 MB each: calls that begin together speak together. All are loaded before the first one does.
        using var recognizers = new RecognizerPool(parallel);
        await Task.WhenAll(Enumerable.Range(0, parallel).Select(_ => recognizers.RecognizeAsync(new short[8_000], cancellationToken)));
        List<MatrixStage> stages = [];
        try
        {
            // One after the other: each makes a database.
            while (stages.Count < parallel)
            {
                stages.Add(await MatrixStage.StartAsync(recognizers, arguments.Server, cancellationToken));
            }

            using var stop = CancellationTokenSource.CreateLinkedTokenSource([cancellationToken, .. stages.Select(stage => stage.Stopping)]);
            var free = new ConcurrentBag<MatrixStage>(stages);
            foreach (var part in cells.GroupBy(cell => cell.Peaceful).OrderByDescending(group => group.Key))
            {
                await Parallel.ForEachAsync(part, new ParallelOptions { MaxDegreeOfParallelism = parallel, CancellationToken = stop.Token }, async (cell, stopped) =>
                {
                    var stage = free.TryTake(out var taken) ? taken : throw new InvalidOperationException("There are as many stages as calls at a time.");

                    // Whoever has the call first, another one may have it next: the worst of all providers counts.
                    var peace = cell.Peaceful ? null : results.Values.Where(one => one.Cell.Peaceful && one.Cell.Script == cell.Script).Max(one => one.ErrorRate);
                    var result = results[cell.Name] = await stage.RunAsync(cell, peace, stopped);
                    free.Add(stage);
                    Tell(output, result, results.Count, cells.Count);
                });
            }
        }
        finally
        {
            foreach (var stage in stages)
            {
                await stage.DisposeAsync();
            }
        }
    }

    private static void Tell(TextWriter output, CellResult result, int done, int all)
    {
        string line = string.Create(
            CultureInfo.InvariantCulture,
            $"[{done,4}/{all}] {(result.Passed ? "ok    " : "FAILED")} {result.Cell.Name,-50} {result.Seconds,5:0} s  misheard {result.ErrorRate ?? 0,4:P0}  answer {result.AnswerMs ?? 0,5} ms  gap {(result.GapMs is { } gap ? $"{gap} ms" : "none")}");

        // Several calls end at a time: a line stays a line.
        lock (output)
        {
            output.WriteLine(line);
            foreach (string finding in result.Findings)
            {
                output.WriteLine($"             {finding}");
            }
        }
    }
}
