using System.Globalization;
using System.Threading.Channels;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Identity;
using Kraliki.Server.Sessions.Journal;

namespace Kraliki.Server.Operations;

/// <summary>Writes down who read a customer's words unredacted. Safe from any thread.</summary>
/// <remarks>
/// Once per person and conversation in <see cref="Memory"/>: a console that reconnects and pages through a transcript is one
/// reading, and the log stays legible. While the database is away, running calls stay readable: what was read then is written
/// down once it is back, with the time of the reading.
/// </remarks>
internal sealed partial class PersonalDataReads(
    AuditLog audit, DatabaseWatch database, IHttpContextAccessor http, TimeProvider time, ILogger<PersonalDataReads> log) : BackgroundService
{
    public static readonly TimeSpan Memory = TimeSpan.FromMinutes(10);

    // Readings that a node remembers; when full, the oldest are forgotten and written down once more at the next reading.
    private const int Capacity = 10_000;

    private readonly Lock _gate = new();

    // Readings that wait for the database. Full: the next reader is refused, because nothing is read without being written down.
    private readonly Channel<Owed> _owed = Channel.CreateBounded<Owed>(Capacity);
    private readonly Dictionary<(Guid User, Guid Session), DateTimeOffset> _noted = [];

    /// <summary>Called before the first word leaves.</summary>
    /// <param name="how">What was opened: <c>transcript</c>, <c>events</c>, <c>socket</c>.</param>
    public async Task NoteAsync(CurrentUser user, Guid session, string how)
    {
        var key = (user.Id, session);
        var now = time.GetUtcNow();
        lock (_gate)
        {
            if (_noted.TryGetValue(key, out var at) && now - at < Memory)
            {
                return;
            }
        }

        var owed = new Owed(session, how, user.Email, user.OrganisationId, http.HttpContext?.Connection.RemoteIpAddress?.ToString(), now);
        if (database.Fault is null || !_owed.Writer.TryWrite(owed))
        {
            try
            {
                await audit.WriteAsync(AuditActions.PersonalDataRead, session.ToString(), $"The conversation was opened: {how}.");
            }
            catch (Exception e) when (DatabaseFault.KindOf(e) is not null && _owed.Writer.TryWrite(owed))
            {
                database.Suspect();
            }
        }

        lock (_gate)
        {
            if (_noted.Count >= Capacity)
            {
                foreach (var (old, _) in _noted.OrderBy(entry => entry.Value).Take(Capacity / 2).ToList())
                {
                    _noted.Remove(old);
                }
            }

            _noted[key] = now;
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await foreach (var owed in _owed.Reader.ReadAllAsync(stoppingToken))
            {
                while (!await TryWriteAsync(owed, stoppingToken))
                {
                    await Task.Delay(TimeSpan.FromSeconds(1), time, stoppingToken);
                }
            }
        }
        finally
        {
            if (_owed.Reader.Count is > 0 and var lost)
            {
                LogLost(lost);
            }
        }
    }

    private async Task<bool> TryWriteAsync(Owed owed, CancellationToken cancellationToken)
    {
        await database.WorthATryAsync(cancellationToken);
        try
        {
            var at = owed.At.UtcDateTime.ToString("u", CultureInfo.InvariantCulture);
            await audit.WriteAsync(AuditActions.PersonalDataRead, owed.Session.ToString(), $"The conversation was opened: {owed.How}; at {at}, while the database was away.", owed.User, owed.Organisation, owed.Address);
            return true;
        }
        catch (Exception e) when (DatabaseTrouble.Is(e))
        {
            return false;
        }
    }

    private sealed record Owed(Guid Session, string How, string User, Guid Organisation, string? Address, DateTimeOffset At);
}
