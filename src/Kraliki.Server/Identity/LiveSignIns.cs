using Kraliki.Contracts;
using Kraliki.Server.Data;
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
/// and within <see cref="Interval"/> of what happens on another: one query then asks for all of them. Safe from any thread.
/// </summary>
internal sealed partial class LiveSignIns(KralikiDbFactory databases, TimeProvider time, ILogger<LiveSignIns> log) : BackgroundService
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    // Far below the parameters that a database takes in one statement.
    private const int AskAtOnce = 500;

    private readonly Lock _gate = new();

    // As many as there are open sockets.
    private readonly Dictionary<Guid, List<Place>> _places = [];

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
        catch
        {
            place.Dispose();
            throw;
        }
    }

    public void Notify(IReadOnlyCollection<Guid> signIns, AccessLoss loss)
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

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await CheckAsync(stoppingToken);
            }
            catch (Exception e) when (DatabaseTrouble.Is(e))
            {
                LogCheckFailed(e);
            }
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
        await using var db = databases.OpenForSystem();
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
