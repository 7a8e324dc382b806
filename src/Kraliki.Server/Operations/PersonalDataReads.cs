using Kraliki.Contracts;
using Kraliki.Server.Identity;

namespace Kraliki.Server.Operations;

/// <summary>Writes down who read a customer's words unredacted. Safe from any thread.</summary>
/// <remarks>
/// Once per person and conversation in <see cref="Memory"/>: a console that reconnects and pages through a transcript is one
/// reading, and the log stays legible.
/// </remarks>
internal sealed class PersonalDataReads(AuditLog audit, TimeProvider time)
{
    public static readonly TimeSpan Memory = TimeSpan.FromMinutes(10);

    // Readings that a node remembers; when full, the oldest are forgotten and written down once more at the next reading.
    private const int Capacity = 10_000;

    private readonly Lock _gate = new();
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

        await audit.WriteAsync(AuditActions.PersonalDataRead, session.ToString(), $"The conversation was opened: {how}.");
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
}
