using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Operations;

/// <summary>
/// What makes the audit log tamper-evident: one chain per organisation, made with a key that is not in the database
/// (<see cref="MasterKey"/>). Safe from any thread.
/// </summary>
/// <remarks>
/// <para>
/// Each entry has two HMAC-SHA256. Its <b>seal</b> covers what happened; its <b>link</b> covers its number, its seal and the
/// link of the entry before. Two, because together they tell what was done to an entry: a changed one has a broken seal at a
/// sound place, a moved one a sound seal at a wrong place, and one that somebody put in has neither.
/// </para>
/// <para>
/// The head says where the chain ends. Not detected: the whole log and its head brought back from an older copy of the same
/// database; whoever fears that compares the number and link that <see cref="VerifyAsync"/> ends at with an earlier note.
/// </para>
/// </remarks>
public sealed class AuditChain(MasterKey master)
{
    private const int MostProblems = 100;
    private const int PageSize = 1_000;

    private readonly byte[] _key = master.Derive("audit");

    /// <summary>What the first entry of a chain is linked to.</summary>
    public static byte[] Beginning(Guid organisation) => organisation.ToByteArray(bigEndian: true);

    /// <summary>Puts the entry at the chain's end.</summary>
    /// <param name="head">Has the entry's number already, and the link of the entry before.</param>
    public void Append(AuditEntry entry, AuditHead head)
    {
        entry.Seal = SealOf(entry);
        entry.Link = LinkOf(head.Link, entry.Number, entry.Seal);
        head.Link = entry.Link;
        head.Mac = MacOf(head);
    }

    /// <summary>Checks every entry of one organisation. Takes memory for a page, whatever the length of the chain.</summary>
    public async Task<AuditVerification> VerifyAsync(KralikiDb db, Guid organisation, DateTimeOffset now, CancellationToken cancellationToken)
    {
        // First, and nothing behind it is judged: an entry written meanwhile must not look like a fault.
        var head = await db.Set<AuditHead>().AsNoTracking().SingleOrDefaultAsync(row => row.OrganisationId == organisation, cancellationToken);
        var headIsSound = head is not null && Same(head.Mac, MacOf(head));
        var report = new Report();
        var previousLink = Beginning(organisation);
        var previousNumber = 0L;
        var previousSound = true;
        AuditEntry? waiting = null;
        await foreach (var entry in EntriesAsync(db, organisation, head?.Number ?? long.MaxValue, cancellationToken))
        {
            if (waiting is not null)
            {
                Judge(waiting, entry);
            }

            waiting = entry;
        }

        if (waiting is not null)
        {
            Judge(waiting, next: null);
        }

        JudgeEnd();

        // In one statement, because both ends move.
        var beyond = await db.Set<AuditEntry>()
            .Where(entry => entry.OrganisationId == organisation && db.Set<AuditHead>().Any(end => end.OrganisationId == organisation && entry.Number > end.Number))
            .OrderBy(entry => entry.Number).Select(entry => entry.Number).Take(MostProblems).ToListAsync(cancellationToken);
        beyond.ForEach(number => report.Add(number, AuditFault.Inserted, $"Entry {number} was not written by this server: the chain ended before it."));
        return new(report.Problems.Count == 0, report.Entries, now, report.Problems);

        void Judge(AuditEntry entry, AuditEntry? next)
        {
            report.Entries++;
            if (entry.Number > previousNumber + 1)
            {
                report.Add(previousNumber + 1, AuditFault.Removed, entry.Number == previousNumber + 2
                    ? $"Entry {previousNumber + 1} is gone."
                    : $"Entries {previousNumber + 1} to {entry.Number - 1} are gone.");
                previousSound = false;
            }

            var sealIsSound = Same(entry.Seal, SealOf(entry));
            var placeIsSound = Same(entry.Link, LinkOf(previousLink, entry.Number, entry.Seal));

            // Behind a fault an entry cannot be linked to what stands before it; what follows can still vouch for it.
            var vouchedFor = !previousSound && (next is null
                ? headIsSound && Same(entry.Link, head!.Link)
                : next.Number == entry.Number + 1 && Same(next.Link, LinkOf(entry.Link, next.Number, next.Seal)));
            previousSound = sealIsSound && (placeIsSound || vouchedFor);
            if (!previousSound)
            {
                var (fault, detail) = (sealIsSound, placeIsSound || vouchedFor) switch
                {
                    (false, true) => (AuditFault.Changed, $"Entry {entry.Number} does not say what was written."),
                    (true, false) => (AuditFault.Reordered, $"Entry {entry.Number} is genuine, but was written at another place."),
                    _ => (AuditFault.Inserted, $"Entry {entry.Number} was not written by this server."),
                };
                report.Add(entry.Number, fault, detail);
                // A changed entry still has its own link, which the next one was made with.
                previousSound = fault == AuditFault.Changed;
            }

            previousLink = entry.Link;
            previousNumber = entry.Number;
        }

        void JudgeEnd()
        {
            if (head is null)
            {
                if (previousNumber > 0)
                {
                    report.Add(previousNumber + 1, AuditFault.Removed, "The mark of the chain's end is gone: later entries may be missing.");
                }
            }
            else if (!headIsSound)
            {
                report.Add(head.Number, AuditFault.Changed, "The mark of the chain's end was changed: later entries may be missing.");
            }
            else if (head.Number == previousNumber + 1)
            {
                report.Add(head.Number, AuditFault.Removed, $"Entry {head.Number}, the last one, is gone.");
            }
            else if (head.Number > previousNumber)
            {
                report.Add(previousNumber + 1, AuditFault.Removed, $"Entries {previousNumber + 1} to {head.Number}, the last ones, are gone.");
            }
        }
    }

    /// <summary>By pages.</summary>
    private static async IAsyncEnumerable<AuditEntry> EntriesAsync(
        KralikiDb db, Guid organisation, long upTo, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var after = long.MinValue;
        while (true)
        {
            var last = after;
            var page = await db.Set<AuditEntry>().AsNoTracking()
                .Where(entry => entry.OrganisationId == organisation && entry.Number > last && entry.Number <= upTo)
                .OrderBy(entry => entry.Number)
                .Take(PageSize)
                .ToListAsync(cancellationToken);
            foreach (var entry in page)
            {
                yield return entry;
            }

            if (page.Count < PageSize)
            {
                yield break;
            }

            after = page[^1].Number;
        }
    }

    private static bool Same(byte[] stored, byte[] right) => CryptographicOperations.FixedTimeEquals(stored, right);

    private static byte[] BytesOf(long number)
    {
        var bytes = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(bytes, number);
        return bytes;
    }

    private byte[] SealOf(AuditEntry entry) => Mac("seal", JsonSerializer.SerializeToUtf8Bytes((object?[])
        [entry.OrganisationId, entry.At.UtcTicks, entry.Actor, entry.Action, entry.Subject, entry.Detail, entry.Address, entry.RequestId]));

    private byte[] LinkOf(byte[] previous, long number, byte[] seal) => Mac("link", previous, BytesOf(number), seal);

    private byte[] MacOf(AuditHead head) => Mac("head", Beginning(head.OrganisationId), BytesOf(head.Number), head.Link);

    /// <summary>Each part with its length before it, so that no two lists of parts give the same bytes.</summary>
    private byte[] Mac(string use, params ReadOnlySpan<byte[]> parts)
    {
        using var hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, _key);
        hmac.AppendData(Encoding.ASCII.GetBytes(use));
        foreach (var part in parts)
        {
            hmac.AppendData(BytesOf(part.Length));
            hmac.AppendData(part);
        }

        return hmac.GetHashAndReset();
    }

    private sealed class Report
    {
        public List<AuditProblem> Problems { get; } = [];

        public long Entries { get; set; }

        public void Add(long number, AuditFault fault, string detail)
        {
            // The rest would say the same again; the list is for people.
            if (Problems.Count < MostProblems)
            {
                Problems.Add(new(number, fault, detail));
            }
        }
    }
}
