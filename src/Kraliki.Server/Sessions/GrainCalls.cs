using Kraliki.Server.Data;
using Kraliki.Server.Sessions.Journal;

namespace Kraliki.Server.Sessions;

/// <summary>
/// Calls to grains fail while the cluster finds out that a node died, and Orleans does not send them again by itself.
/// Only for calls that do no harm when they run twice: one that failed may have been carried out.
/// </summary>
internal static class GrainCalls
{
    // A dead node is found and its grains wake elsewhere within about 3 s; a call that was on its way to it has then to
    // run into its time-out of 5 s first.
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    /// <summary>Not the call's fault: it may succeed in a moment.</summary>
    /// <remarks>
    /// A silo that is dead, dying or not yet connected answers with one of many exceptions, all of them
    /// <see cref="OrleansException"/>. An observer that is gone for good (<see cref="ClientNotAvailableException"/>) is one too.
    /// </remarks>
    public static bool IsTransient(Exception e) => e is JournalUnavailableException or TimeoutException or OrleansException;

    /// <summary>For what comes again by itself: a round that meets a bad moment of cluster or database is over, and the next one makes up for it.</summary>
    public static async Task TryAsync(Func<Task> round, Action<Exception> failed)
    {
        try
        {
            await round();
        }
        catch (Exception e) when (IsTransient(e) || DatabaseTrouble.Is(e))
        {
            failed(e);
        }
    }

    /// <summary>Repeats what <see cref="IsTransient"/> for about 10 s, with pauses that grow and that no two callers share.</summary>
    public static async Task<T> RepeatAsync<T>(Func<Task<T>> call, TimeProvider time, CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        for (var pause = ShortestPause; ; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            try
            {
                return await call();
            }
            catch (Exception e) when (IsTransient(e) && time.GetElapsedTime(began) < Window)
            {
                await Task.Delay(pause * (0.5 + Random.Shared.NextDouble()), time, cancellationToken);
            }
        }
    }
}
