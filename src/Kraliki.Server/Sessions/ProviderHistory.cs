using Kraliki.Contracts;
using Kraliki.Server.Providers;
using Kraliki.Server.Sessions.Journal;

namespace Kraliki.Server.Sessions;

/// <summary>What a session's provider facts add up to. Pure.</summary>
internal static class ProviderHistory
{
    /// <param name="changes">As <see cref="JournalReader.ProviderChangesAsync"/> has them.</param>
    public static SessionProvider Current(SessionRow row, IReadOnlyList<SessionEvent> changes, IReadOnlyList<ProviderView> known)
    {
        var taken = changes.LastOrDefault(happened => happened.Data is ProviderSwitched);
        var connected = changes.LastOrDefault(happened => happened.Data is ProviderConnected now && now.Provider == row.Provider);
        return new(
            row.Provider,
            TitleOf(row.Provider, known),
            (connected?.Data as ProviderConnected)?.Model,
            taken is not null && taken.Seq > connected?.Seq ? taken.At : connected?.At,
            (connected?.Data as ProviderConnected)?.ConnectMs,
            row.Media == MediaSides.Both,
            changes.Count(happened => happened.Data is ProviderSwitched));
    }

    public static IReadOnlyList<SessionProviderHealth> Health(SessionRow row, IReadOnlyList<SessionEvent> changes, Failover failover)
    {
        var known = failover.Known;
        return
        [
            .. failover.Names(row.Provider, row.Failover ?? failover.Default).Select(name =>
            {
                var failures = changes.Where(happened => happened.Data is ProviderFailed failed && failed.Provider == name).ToList();
                return new SessionProviderHealth(
                    name,
                    TitleOf(name, known),
                    name == row.Provider,
                    failover.Allows(name),
                    known.FirstOrDefault(view => view.Name == name)?.Unavailable,
                    failures.Count,
                    (failures.LastOrDefault()?.Data as ProviderFailed)?.Detail,
                    failures.LastOrDefault()?.At,
                    changes.Select(happened => happened.Data).OfType<ProviderConnected>().LastOrDefault(connected => connected.Provider == name)?.ConnectMs);
            }),
        ];
    }

    private static string TitleOf(string name, IReadOnlyList<ProviderView> known) => known.FirstOrDefault(view => view.Name == name)?.Title ?? name;
}
