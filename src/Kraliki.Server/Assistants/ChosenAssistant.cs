using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Identity;
using Kraliki.Server.Providers;
using Kraliki.Server.Sessions.Journal;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Assistants;

/// <summary>The version of an assistant that a new session gets.</summary>
internal sealed record ChosenAssistant(Guid Id, int Version, AssistantContent Content)
{
    /// <summary>For errors about an id that <see cref="FindAsync(KralikiDb, Guid, Guid?, CancellationToken)"/> does not find.</summary>
    public const string Unknown = "assistant must be the id of an assistant of your organisation that is not archived; GET /api/v1/assistants lists them.";

    /// <summary>The newest version.</summary>
    /// <param name="wanted">Null takes the organisation's default.</param>
    /// <returns>Null when there is no such assistant, or it is archived.</returns>
    public static async Task<ChosenAssistant?> FindAsync(KralikiDb db, Guid organisation, Guid? wanted, CancellationToken cancellationToken)
    {
        var assistants = db.Set<Assistant>().Where(row => row.OrganisationId == organisation && row.ArchivedAt == null);
        assistants = wanted is { } id
            ? assistants.Where(row => row.Id == id)
            : assistants.Where(row => db.Set<Organisation>().Any(owner => owner.Id == organisation && owner.DefaultAssistantId == row.Id));
        var found = await (
            from assistant in assistants
            join version in db.Set<AssistantVersion>() on new { assistant.Id, Number = assistant.Version } equals new { Id = version.AssistantId, version.Number }
            select version).AsNoTracking().SingleOrDefaultAsync(cancellationToken);
        return found is null ? null : new(found.AssistantId, found.Number, found.Content);
    }

    /// <exception cref="JournalUnavailableException">The database is away.</exception>
    /// <inheritdoc cref="FindAsync(KralikiDb, Guid, Guid?, CancellationToken)"/>
    public static Task<ChosenAssistant?> FindAsync(JournalReader journal, Guid organisation, Guid? wanted, CancellationToken cancellationToken) =>
        journal.ReadAsync(db => FindAsync(db, organisation, wanted, cancellationToken), organisation);

    /// <summary>What a session has had since it was created.</summary>
    /// <exception cref="JournalUnavailableException">The database is away.</exception>
    public static async Task<AssistantContent> OfAsync(JournalReader journal, SessionRow session, CancellationToken cancellationToken) =>
        session is { AssistantId: { } id, AssistantVersion: { } number }
            ? await journal.ReadAsync(
                db => db.Set<AssistantVersion>().AsNoTracking().Where(row => row.AssistantId == id && row.Number == number).Select(row => row.Content).SingleAsync(cancellationToken),
                session.OrganisationId)
            : DefaultAssistant.Content;

    /// <summary>Who begins when nobody is asked for: the first of its providers that is configured here.</summary>
    public string FirstOf(VoiceProviders providers) => Content.Providers?.FirstOrDefault(name => providers.Find(name) is not null) ?? providers.Default;

    /// <summary>The session is led by this assistant and has its limit of cost, unless it has its own; its providers stand in for each other until somebody decides otherwise.</summary>
    public SessionCreated Lead(SessionCreated session, Failover failover) => session with
    {
        AssistantId = Id,
        AssistantVersion = Version,
        CostCap = session.CostCap ?? Content.Limits?.CostCap,
        Failover = Content.Providers is { Count: > 0 } order ? failover.Default with { Order = order } : null,
    };
}
