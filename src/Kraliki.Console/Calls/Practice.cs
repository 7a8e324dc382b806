using Kraliki.Contracts;

namespace Kraliki.OperatorConsole.Calls;

/// <summary>How a practice call is known among the sessions.</summary>
public static class Practice
{
    /// <summary>Metadata key under which the server keeps the rehearsal's id.</summary>
    public const string MetadataKey = "rehearsal";

    public static Guid? RehearsalOf(SessionView session) =>
        session.Metadata.TryGetValue(MetadataKey, out var text) && Guid.TryParse(text, out var id) ? id : null;
}
