using Kraliki.Server.Sessions.Journal;

namespace Kraliki.Server.Sessions;

/// <summary>
/// Calls to grains fail while the cluster finds out that a node died, and Orleans does not send them again by itself.
/// Only for calls that do no harm when they run twice.
/// </summary>
internal static class GrainCalls
{
    private const int Tries = 5;

    public static bool IsTransient(Exception e) =>
        e is JournalUnavailableException or TimeoutException or SiloUnavailableException or OrleansMessageRejectionException or ClientNotAvailableException;

    /// <summary>Waits 200, 400, 600, 800 ms between tries.</summary>
    public static async Task<T> RepeatAsync<T>(Func<Task<T>> call, TimeProvider time, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await call();
            }
            catch (Exception e) when (attempt < Tries && IsTransient(e))
            {
                await Task.Delay(TimeSpan.FromMilliseconds(200 * attempt), time, cancellationToken);
            }
        }
    }
}
