using Kraliki.Client;
using Kraliki.Simulators.Twilio;

namespace Kraliki.Chaos;

/// <summary>What a fault does to the media of a call.</summary>
internal enum MediaFate
{
    /// <summary>Nothing: the call simply goes on, and every line of its caller is owed.</summary>
    Untouched,

    /// <summary>The call moves to another node while the old one still listens: every line that one connection carried whole is owed.</summary>
    Moved,

    /// <summary>It breaks. Lines are excused until the caller hears the agent again.</summary>
    Cut,
}

/// <summary>Everybody who calls during a run: places calls, waits until they are conversations again, lets them end.</summary>
internal sealed class Callers(LocalCluster cluster, Telephone telephone, Ledger ledger, KralikiClient client, TimeProvider time, Action<string> tell)
{
    /// <summary>The longest that anybody waits for anything here.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    // What the real carrier does when a media connection dies without a word is not known for certain, so calls have all of it:
    // it goes on with the TwiML at once, or after three seconds, or never until it is told to by REST.
    private static readonly string[] Habits = ["go_on", "wait", "go_on:3000"];

    private readonly List<WatchedCall> _inProgress = [];
    private readonly List<WatchedCall> _over = [];

    public IReadOnlyList<WatchedCall> InProgress => _inProgress;

    public IReadOnlyList<WatchedCall> All => [.. _inProgress, .. _over];

    /// <summary>New callers for those whose calls are over.</summary>
    /// <param name="firstHabit">Of the carrier, for voice 0; the next voices have the next ones.</param>
    public async Task FillAsync(int calls, int firstHabit, CancellationToken cancellationToken)
    {
        foreach (var over in _inProgress.Where(call => call.Call.Completion.IsCompleted).ToList())
        {
            _inProgress.Remove(over);
            _over.Add(over);
        }

        var free = Enumerable.Range(0, calls).Except(_inProgress.Select(call => call.Voice)).ToList();
        var fresh = await Task.WhenAll(free.Select(voice => PlaceAsync(voice, Habits[(firstHabit + voice) % Habits.Length], cancellationToken)));
        _inProgress.AddRange(fresh);
    }

    /// <summary>The calls whose media the database says to be on a node; nodes without any are missing.</summary>
    public async Task<IReadOnlyDictionary<int, IReadOnlyList<WatchedCall>>> ByNodeAsync(CancellationToken cancellationToken)
    {
        var known = await ledger.CallsAsync(cancellationToken);
        return Enumerable.Range(1, cluster.File.Nodes.Count)
            .Select(node => (Node: node, Silo: $":{cluster.File.Nodes[node - 1].SiloPort}@"))
            .Select(node => (node.Node, Calls: (IReadOnlyList<WatchedCall>)[.. _inProgress.Where(call =>
                // A silo's name is address:port@generation.
                known.TryGetValue(call.Call.Sid, out var row) && row.Node?.Contains(node.Silo, StringComparison.Ordinal) == true)]))
            .Where(node => node.Calls.Count > 0)
            .ToDictionary(node => node.Node, node => node.Calls);
    }

    /// <summary>Waits until the agent was heard again in each of the calls; those in which it was not are given up.</summary>
    public async Task<IReadOnlyList<StruckCall>> HeardAgainAsync(
        DateTimeOffset at, IReadOnlyList<WatchedCall> calls, MediaFate fate, CancellationToken cancellationToken)
    {
        var heard = new Dictionary<WatchedCall, HeardAgain>();
        var since = time.GetTimestamp();
        while (time.GetElapsedTime(since) < Patience)
        {
            foreach (var call in calls.Where(call => !heard.ContainsKey(call)))
            {
                if (call.HeardAgainAfter(at, newStream: fate != MediaFate.Untouched) is { } again)
                {
                    heard[call] = again;
                }
            }

            if (calls.All(call => heard.ContainsKey(call) || call.Call.Completion.IsCompleted))
            {
                break;
            }

            await Task.Delay(Wait.Look, time, cancellationToken);
        }

        foreach (var call in calls)
        {
            if (fate == MediaFate.Cut)
            {
                call.Struck(at, heard.TryGetValue(call, out var again) ? at + again.After : time.GetUtcNow());
            }

            if (!heard.ContainsKey(call))
            {
                GiveUp(call);
            }
        }

        return [.. calls.Select(call => heard.TryGetValue(call, out var again)
            ? new StruckCall(call.Call.Sid, call.Carrier, (int)again.After.TotalMilliseconds, (int)again.Silence.TotalMilliseconds)
            : new StruckCall(call.Call.Sid, call.Carrier, null, null))];
    }

    /// <summary>Everybody hangs up; waits until the carrier is done with every call, and asks every client whether it was told.</summary>
    public async Task<IReadOnlyList<NotTold>> EndAsync(CancellationToken cancellationToken)
    {
        await Task.WhenAll(_inProgress.Select(call => call.Witness.StopWritingAsync()));
        foreach (var call in _inProgress)
        {
            call.HangUp(time.GetUtcNow());
        }

        await Task.WhenAll(All.Select(call => call.Call.Completion.WaitAsync(Patience, time, cancellationToken)));
        var answers = await Task.WhenAll(All.Select(call => call.Witness.SessionOverAsync(Patience, cancellationToken)));
        return [.. All.Zip(answers).Where(call => call.Second is not null).Select(call => new NotTold(call.First.Witness.Session, call.Second!))];
    }

    /// <summary>Nobody calls any more, and nobody watches.</summary>
    public async Task ClearAsync()
    {
        foreach (var call in All)
        {
            call.Call.HangUp();
            await call.Witness.DisposeAsync();
        }

        _inProgress.Clear();
        _over.Clear();
    }

    /// <summary>Nothing more is asked of it; the comparison at the end says what the database thinks that happened.</summary>
    private void GiveUp(WatchedCall call)
    {
        tell($"call {call.Call.Sid} of session {call.Witness.Session} is lost: {string.Join(" | ", call.Call.Report().Errors)}");
        call.Call.HangUp();
        _inProgress.Remove(call);
        _over.Add(call);
    }

    private async Task<WatchedCall> PlaceAsync(int voice, string habit, CancellationToken cancellationToken)
    {
        var call = await telephone.CallAsync(cluster.File.Url, voice, LostStream.Read(habit), cancellationToken);
        Guid? session = null;
        await Wait.UntilAsync(
            async () =>
            {
                if (call.Completion.IsCompleted)
                {
                    throw new ClusterException($"A call ended before it was a conversation: {string.Join(" | ", call.Report().Errors)}; TwiML {string.Join(" | ", call.Report().Twiml)}");
                }

                session ??= (await ledger.CallsAsync(cancellationToken)).TryGetValue(call.Sid, out var row) ? row.Session : null;
                return session is not null && call.Report().Lines.Any(line => line.FirstAnswerMs is not null);
            },
            Patience, "A new caller got no answer to his first question.", time, cancellationToken);
        return new(call, new Witness(client, await client.GetSessionAsync(session!.Value, cancellationToken), time), voice, habit);
    }
}
