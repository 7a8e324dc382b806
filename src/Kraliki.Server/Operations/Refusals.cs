using System.Net;
using System.Text;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;

namespace Kraliki.Server.Operations;

/// <summary>Audit entries of what strangers can cause as often as they like. Safe from any thread.</summary>
/// <remarks>
/// The first <see cref="Singly"/> of one sender and kind in a minute are written as they are; further ones are counted, and
/// the minute ends with one entry that says how many. A flood so leaves a trace, but does not fill the log or occupy its
/// writer. What is counted is in memory of this node alone: a crash loses the count of its last minute.
/// </remarks>
internal sealed partial class Refusals(AuditLog audit, TimeProvider time, ILogger<Refusals> log) : BackgroundService
{
    public const int Singly = 20;

    public static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private const int LongestSubject = 64;

    // Senders and kinds of one minute. Full: all further senders of a kind share one count, so that the log gets at most
    // some ten thousand entries a minute even from a flood of many addresses.
    private const int Capacity = 500;

    private readonly Lock _gate = new();
    private Dictionary<(string Action, string Actor, Guid? Organisation, string Sender), int> _seen = [];

    /// <param name="subject">May be a stranger's words: it is cut, and loses what is not to be shown.</param>
    /// <param name="address">Whom to count; for somebody who is signed in, <paramref name="actor"/> is counted instead.</param>
    /// <param name="organisation">Null means the one that the installation itself belongs to.</param>
    public async Task NoteAsync(string action, string subject, string detail, string actor, IPAddress? address, Guid? organisation = null, bool byActor = false)
    {
        var key = (action, actor, organisation, Sender: byActor ? "" : RateLimits.AddressOf(address));
        lock (_gate)
        {
            if (!_seen.ContainsKey(key) && _seen.Count >= Capacity)
            {
                key = (action, "many", null, "");
            }

            var before = _seen.GetValueOrDefault(key);
            _seen[key] = before + 1;
            if (before >= Singly)
            {
                return;
            }
        }

        await audit.WriteAsync(action, Clean(subject), detail, actor, organisation, address?.ToString());
    }

    /// <summary>The minute is over.</summary>
    public async Task WriteCountsAsync()
    {
        Dictionary<(string Action, string Actor, Guid? Organisation, string Sender), int> over;
        lock (_gate)
        {
            (over, _seen) = (_seen, []);
        }

        foreach (var ((action, actor, organisation, sender), count) in over)
        {
            if (count > Singly)
            {
                await audit.WriteAsync(
                    action, "more of them", $"{count - Singly} more within a minute.", actor, organisation, sender is "" ? null : sender);
            }
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await TryWriteCountsAsync();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Window, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            await TryWriteCountsAsync();
        }
    }

    private async Task TryWriteCountsAsync()
    {
        try
        {
            await WriteCountsAsync();
        }
        catch (Exception e) when (DatabaseTrouble.Is(e))
        {
            LogCountsLost(e);
        }
    }

    private static string Clean(string text)
    {
        // By runes: half a surrogate pair would be stored as another character than the one that the chain is computed over.
        var clean = new StringBuilder(Math.Min(text.Length, LongestSubject));
        foreach (var rune in text.EnumerateRunes())
        {
            if (clean.Length + rune.Utf16SequenceLength > LongestSubject)
            {
                break;
            }

            if (!Rune.IsControl(rune))
            {
                clean.Append(rune.ToString());
            }
        }

        return clean.ToString();
    }
}
