using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.HotTier;
using Kraliki.Server.Sessions.Journal;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Identity;

/// <summary>What happened to the rights under which a socket was opened.</summary>
internal enum AccessLoss
{
    /// <summary>The sign-in is over, or the person was deactivated.</summary>
    SignedOut,

    /// <summary>The person has another role now: a new ticket tells what it allows.</summary>
    Changed,
}

/// <summary>
/// The open sockets of this node and the sign-ins they depend on. A socket is told at once of what happens on this node,
/// and of what happens on another when that node tells, or else within <see cref="Interval"/>: one query then asks for all
/// of them. Safe from any thread.
/// </summary>
/// <remarks>
/// A node that tells has it from the database. If this one cannot ask what it was, the sockets concerned are closed as
/// <see cref="AccessLoss.Changed"/>: whoever is still signed in comes back with a new ticket, and nobody else does.
/// </remarks>
internal sealed partial class LiveSignIns : BackgroundService
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    // Far below the parameters that a database takes in one statement.
    private const int AskAtOnce = 500;

    private readonly Lock _gate = new();

    // As many as there are open sockets.
    private readonly Dictionary<Guid, List<Place>> _places = [];

    // Sign-ins of these places of which another node has told something that was not looked up yet.
    private readonly HashSet<Guid> _told = [];
    private readonly KralikiDbFactory _databases;
    private readonly RedisConnection _redis;
    private readonly DatabaseWatch _database;
    private readonly TimeProvider _time;
    private readonly ILogger<LiveSignIns> _log;
    private readonly Doorbell _doorbell;

    public LiveSignIns(KralikiDbFactory databases, RedisConnection redis, DatabaseWatch database, TimeProvider time, ILogger<LiveSignIns> log)
    {
        (_databases, _redis, _database, _time, _log, _doorbell) = (databases, redis, database, time, log, new(time));
        redis.Hinted += (hint, payload) =>
        {
            if (hint == Hint.SignIns && Concerns(payload))
            {
                _doorbell.Ring();
            }
        };
    }

    /// <summary>From now on <paramref name="lost"/> is called, at least once, when the access is lost; it must not block.</summary>
    /// <param name="role">As it was when the access was given.</param>
    /// <returns>What was lost already; null when all is well. The place is to be disposed in any case.</returns>
    public async Task<(IDisposable Place, AccessLoss? Lost)> JoinAsync(Guid signIn, UserRole role, Action<AccessLoss> lost, CancellationToken cancellationToken)
    {
        var place = new Place(this, signIn, role, lost);
        lock (_gate)
        {
            (_places.TryGetValue(signIn, out var places) ? places : _places[signIn] = []).Add(place);
        }

        try
        {
            // Asked after joining: what happens in between is seen here, or told, or both.
            return (place, LossOf(place, await StatesAsync([signIn], cancellationToken)));
        }
        catch (Exception e) when (DatabaseFault.KindOf(e) is not null)
        {
            // A pass is half a minute old at most and was given to somebody who was signed in; the next round that can ask, asks.
            return (place, null);
        }
        catch
        {
            place.Dispose();
            throw;
        }
    }

    /// <summary>These were ended or changed on this node; the database knows already.</summary>
    public void Notify(IReadOnlyCollection<Guid> signIns, AccessLoss loss)
    {
        if (signIns.Count > 0)
        {
            _redis.Tell(Hint.SignIns, signIns.Count > AskAtOnce ? "" : string.Join(',', signIns));
        }

        Lose(signIns, loss);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var failing = false;
        while (true)
        {
            await _doorbell.WaitAsync(Interval, stoppingToken);
            List<Guid> told;
            lock (_gate)
            {
                told = [.. _told];
                _told.Clear();
            }

            using var patience = new CancellationTokenSource(Interval, _time);
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, stoppingToken);
            try
            {
                await CheckAsync(stop.Token);
                failing = false;
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested && (DatabaseTrouble.Is(e) || patience.IsCancellationRequested))
            {
                _database.Suspect();
                Lose(told, AccessLoss.Changed);
                if (!failing)
                {
                    LogCheckFailed(e);
                }

                failing = true;
            }
        }
    }

    /// <summary>Whether a socket of this node depends on one of these, which are then kept in mind; without a list it may be any.</summary>
    private bool Concerns(string signIns)
    {
        lock (_gate)
        {
            if (signIns.Length == 0)
            {
                return _places.Count > 0;
            }

            var mine = signIns.Split(',').Select(text => Guid.TryParse(text, out var signIn) ? signIn : default).Where(_places.ContainsKey).ToList();
            _told.UnionWith(mine);
            return mine.Count > 0;
        }
    }

    private void Lose(IReadOnlyCollection<Guid> signIns, AccessLoss loss)
    {
        List<Place> affected;
        lock (_gate)
        {
            affected = [.. signIns.SelectMany(signIn => _places.GetValueOrDefault(signIn) ?? [])];
        }

        foreach (var place in affected)
        {
            place.Lost(loss);
        }
    }

    private static AccessLoss? LossOf(Place place, Dictionary<Guid, UserRole> active) =>
        !active.TryGetValue(place.SignIn, out var role) ? AccessLoss.SignedOut
        : role != place.Role ? AccessLoss.Changed
        : null;

    private async Task CheckAsync(CancellationToken cancellationToken)
    {
        List<Place> places;
        lock (_gate)
        {
            places = [.. _places.Values.SelectMany(list => list)];
        }

        foreach (var some in places.Chunk(AskAtOnce))
        {
            var active = await StatesAsync([.. some.Select(place => place.SignIn).Distinct()], cancellationToken);
            foreach (var place in some)
            {
                if (LossOf(place, active) is { } loss)
                {
                    place.Lost(loss);
                }
            }
        }
    }

    /// <returns>The present role behind each of these sign-ins that is good.</returns>
    private async Task<Dictionary<Guid, UserRole>> StatesAsync(List<Guid> signIns, CancellationToken cancellationToken)
    {
        await using var db = _databases.OpenForSystem();
        return await db.Set<SignIn>()
            .Where(row => signIns.Contains(row.Id) && row.EndedAt == null && row.User.DeactivatedAt == null)
            .Select(row => new { row.Id, row.User.Role })
            .ToDictionaryAsync(row => row.Id, row => row.Role, cancellationToken);
    }

    private void Leave(Place place)
    {
        lock (_gate)
        {
            if (_places.TryGetValue(place.SignIn, out var places) && places.Remove(place) && places.Count == 0)
            {
                _places.Remove(place.SignIn);
            }
        }
    }

    private sealed class Place(LiveSignIns owner, Guid signIn, UserRole role, Action<AccessLoss> lost) : IDisposable
    {
        public Guid SignIn => signIn;

        public UserRole Role => role;

        public Action<AccessLoss> Lost => lost;

        public void Dispose() => owner.Leave(this);
    }
}
