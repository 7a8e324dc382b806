using System.Globalization;
using Kraliki.Contracts;

namespace Kraliki.Client;

/// <summary>What the AI is told to be and to do.</summary>
public sealed partial class KralikiClient
{
    /// <summary>Newest first.</summary>
    /// <param name="archived">With those that are archived.</param>
    public Task<Page<AssistantSummary>> ListAssistantsAsync(bool archived = false, int? limit = null, string? cursor = null, CancellationToken cancellationToken = default) =>
        _api.GetAsync(
            "api/v1/assistants" + new Query().Add("archived", archived ? "true" : null).Add("limit", limit).Add("cursor", cursor),
            ContractsJson.Default.PageAssistantSummary,
            cancellationToken);

    public Task<IReadOnlyList<AssistantToolView>> ListAssistantToolsAsync(CancellationToken cancellationToken = default) =>
        _api.GetAsync("api/v1/assistants/tools", ContractsJson.Default.IReadOnlyListAssistantToolView, cancellationToken);

    public Task<AssistantView> GetAssistantAsync(Guid id, CancellationToken cancellationToken = default) =>
        _api.GetAsync($"api/v1/assistants/{id}", ContractsJson.Default.AssistantView, cancellationToken);

    public Task<AssistantView> CreateAssistantAsync(SaveAssistant assistant, CancellationToken cancellationToken = default) =>
        _api.CreateAsync("api/v1/assistants", assistant, ContractsJson.Default.SaveAssistant, ContractsJson.Default.AssistantView, cancellationToken);

    /// <summary>Saves a new version.</summary>
    /// <param name="ifVersion">The <see cref="AssistantView.Version"/> the change was decided on; a newer one is refused with code <c>version_conflict</c> and the assistant as it is now.</param>
    public Task<AssistantView> SaveAssistantAsync(Guid id, SaveAssistant assistant, long ifVersion, CancellationToken cancellationToken = default) =>
        _api.SendAsync(HttpMethod.Put, $"api/v1/assistants/{id}", assistant, ContractsJson.Default.SaveAssistant, ContractsJson.Default.AssistantView, cancellationToken, ifVersion);

    /// <summary>Without their content, newest first.</summary>
    public Task<Page<AssistantVersionView>> ListAssistantVersionsAsync(Guid id, int? limit = null, string? cursor = null, CancellationToken cancellationToken = default) =>
        _api.GetAsync(
            $"api/v1/assistants/{id}/versions" + new Query().Add("limit", limit).Add("cursor", cursor), ContractsJson.Default.PageAssistantVersionView, cancellationToken);

    public Task<AssistantVersionView> GetAssistantVersionAsync(Guid id, int number, CancellationToken cancellationToken = default) =>
        _api.GetAsync(string.Create(CultureInfo.InvariantCulture, $"api/v1/assistants/{id}/versions/{number}"), ContractsJson.Default.AssistantVersionView, cancellationToken);

    /// <summary>Makes a new version of an old one.</summary>
    /// <inheritdoc cref="SaveAssistantAsync"/>
    public Task<AssistantView> RestoreAssistantVersionAsync(Guid id, int number, long ifVersion, CancellationToken cancellationToken = default) =>
        _api.SendAsync(
            HttpMethod.Post,
            string.Create(CultureInfo.InvariantCulture, $"api/v1/assistants/{id}/versions/{number}/restore"),
            null,
            ContractsJson.Default.SaveAssistant,
            ContractsJson.Default.AssistantView,
            cancellationToken,
            ifVersion);

    /// <summary>No new call gets it. Refused with code <c>default_assistant</c> for the default one.</summary>
    public Task<AssistantView> ArchiveAssistantAsync(Guid id, CancellationToken cancellationToken = default) =>
        _api.SendAsync(HttpMethod.Post, $"api/v1/assistants/{id}/archive", ContractsJson.Default.AssistantView, cancellationToken);

    public Task<AssistantView> UnarchiveAssistantAsync(Guid id, CancellationToken cancellationToken = default) =>
        _api.SendAsync(HttpMethod.Post, $"api/v1/assistants/{id}/unarchive", ContractsJson.Default.AssistantView, cancellationToken);

    /// <summary>It gets the calls that name no assistant.</summary>
    public Task<AssistantView> MakeAssistantDefaultAsync(Guid id, CancellationToken cancellationToken = default) =>
        _api.SendAsync(HttpMethod.Post, $"api/v1/assistants/{id}/default", ContractsJson.Default.AssistantView, cancellationToken);
}
