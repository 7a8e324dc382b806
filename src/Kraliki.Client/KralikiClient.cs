using System.Globalization;
using Kraliki.Contracts;

namespace Kraliki.Client;

/// <summary>The REST API, typed. Safe from any thread.</summary>
/// <remarks>
/// Every method throws <see cref="KralikiException"/> when the server refuses or cannot be reached. What is safe to repeat
/// (GET, and POST that creates under an Idempotency-Key) is repeated by itself. An access token that ran out is refreshed once and the request sent again.
/// </remarks>
public sealed partial class KralikiClient : IDisposable
{
    private readonly ApiCaller _api;

    /// <param name="http">Its <see cref="HttpClient.BaseAddress"/> is the installation's public URL. Not disposed here.</param>
    public KralikiClient(HttpClient http, TimeProvider? time = null)
    {
        Time = time ?? TimeProvider.System;
        _api = new ApiCaller(http, Time);
    }

    /// <summary>How often a request that is safe to repeat is tried in all when the server is unreachable or overloaded.</summary>
    public int MaxAttempts
    {
        get => _api.MaxAttempts;
        set => _api.MaxAttempts = value;
    }

    /// <summary>The access token that goes out as <c>Bearer</c>; null in a browser, where cookies do it.</summary>
    public string? AccessToken => _api.AccessToken;

    /// <summary>Stands around each renewal of the tokens; null lets it happen as soon as it is needed.</summary>
    public RenewalGuard? RenewalGuard
    {
        get => _api.Guard;
        set => _api.Guard = value;
    }

    /// <summary>The server gave out tokens, at a sign-in or a renewal. Comes before the call that brought them returns.</summary>
    public event Action<LoginResponse>? TokensIssued
    {
        add => _api.TokensIssued += value;
        remove => _api.TokensIssued -= value;
    }

    /// <summary>The server no longer knows the user and a refresh did not help: sign in again.</summary>
    public event Action? SignInLost
    {
        add => _api.SignInLost += value;
        remove => _api.SignInLost -= value;
    }

    internal TimeProvider Time { get; }

    public void Dispose() => _api.Dispose();

    // Sessions

    public Task<SessionView> CreateSessionAsync(CreateSession session, CancellationToken cancellationToken = default) =>
        _api.CreateAsync("api/v1/sessions", session, ContractsJson.Default.CreateSession, ContractsJson.Default.SessionView, cancellationToken);

    /// <summary>Creates a session and returns all that is needed to join it.</summary>
    public Task<SessionBootstrap> BootstrapSessionAsync(CreateSession session, CancellationToken cancellationToken = default) =>
        _api.CreateAsync("api/v1/sessions/bootstrap", session, ContractsJson.Default.CreateSession, ContractsJson.Default.SessionBootstrap, cancellationToken);

    public Task<SessionView> GetSessionAsync(Guid id, CancellationToken cancellationToken = default) =>
        _api.GetAsync($"api/v1/sessions/{id}", ContractsJson.Default.SessionView, cancellationToken);

    public Task<Page<SessionView>> ListSessionsAsync(SessionFilter? filter = null, CancellationToken cancellationToken = default) =>
        _api.GetAsync("api/v1/sessions" + (filter ?? new()).ToQuery(), ContractsJson.Default.PageSessionView, cancellationToken);

    /// <param name="ifVersion">The <see cref="SessionView.Version"/> the change was decided on; a newer one is refused with code <c>version_conflict</c> and the current session.</param>
    public Task<SessionView> UpdateSessionAsync(Guid id, UpdateSession change, long? ifVersion = null, CancellationToken cancellationToken = default) =>
        _api.SendAsync(HttpMethod.Patch, $"api/v1/sessions/{id}", change, ContractsJson.Default.UpdateSession, ContractsJson.Default.SessionView, cancellationToken, ifVersion);

    /// <summary>Ends the session. The answer may still be <c>wrap_up</c> while the call's media stops.</summary>
    /// <param name="ifVersion">Null ends it in any version; else as in <see cref="UpdateSessionAsync"/>.</param>
    public Task<SessionView> EndSessionAsync(Guid id, string? note = null, long? ifVersion = null, CancellationToken cancellationToken = default) =>
        _api.SendAsync(HttpMethod.Post, $"api/v1/sessions/{id}/end", new EndSession(note), ContractsJson.Default.EndSession, ContractsJson.Default.SessionView, cancellationToken, ifVersion);

    /// <summary>Takes the operator's microphone for one tab. Held by another one it is refused: <see cref="KralikiException.MicrophoneHolder"/>.</summary>
    /// <param name="clientId">The <see cref="SessionSocketOptions.ClientId"/> of the tab's socket.</param>
    public Task<SessionView> TakeMicrophoneAsync(Guid id, string clientId, CancellationToken cancellationToken = default) =>
        TakeMicrophoneAsync(id, new TakeMicrophone(clientId), null, cancellationToken);

    /// <summary>Takes it from whoever holds it.</summary>
    /// <param name="ifVersion">Of the session in which that was decided; a newer one is refused with code <c>version_conflict</c>.</param>
    public Task<SessionView> TakeOverMicrophoneAsync(Guid id, string clientId, long ifVersion, CancellationToken cancellationToken = default) =>
        TakeMicrophoneAsync(id, new TakeMicrophone(clientId, TakeOver: true), ifVersion, cancellationToken);

    /// <summary>Gives it back, when this tab holds it.</summary>
    public Task<SessionView> ReleaseMicrophoneAsync(Guid id, string clientId, CancellationToken cancellationToken = default) =>
        _api.SendAsync(
            HttpMethod.Delete, $"api/v1/sessions/{id}/microphone?client_id={Uri.EscapeDataString(clientId)}", null, ContractsJson.Default.TakeMicrophone, ContractsJson.Default.SessionView, cancellationToken);

    /// <param name="limit">1 to 1000.</param>
    public Task<SessionEventPage> GetEventsAsync(Guid id, long afterSeq = 0, int limit = 200, CancellationToken cancellationToken = default) =>
        _api.GetAsync(
            string.Create(CultureInfo.InvariantCulture, $"api/v1/sessions/{id}/events?after_seq={afterSeq}&limit={limit}"),
            ContractsJson.Default.SessionEventPage,
            cancellationToken);

    public Task<Transcript> GetTranscriptAsync(Guid id, CancellationToken cancellationToken = default) =>
        _api.GetAsync($"api/v1/sessions/{id}/transcript", ContractsJson.Default.Transcript, cancellationToken);

    /// <param name="format"><c>text</c>, <c>vtt</c> or <c>srt</c>.</param>
    public Task<string> GetTranscriptTextAsync(Guid id, string format = "text", CancellationToken cancellationToken = default) =>
        _api.GetTextAsync($"api/v1/sessions/{id}/transcript?format={Uri.EscapeDataString(format)}", cancellationToken);

    public Task<SocketTicket> IssueTicketAsync(Guid id, CancellationToken cancellationToken = default) =>
        _api.SendAsync(HttpMethod.Post, $"api/v1/sessions/{id}/ticket", null, ContractsJson.Default.EndSession, ContractsJson.Default.SocketTicket, cancellationToken);

    /// <summary>The session's live socket; nothing is connected until <see cref="SessionSocket.ReadAsync"/> is enumerated.</summary>
    /// <param name="afterSeq">The last event already known; 0 for all.</param>
    public SessionSocket OpenSocket(SessionView session, long afterSeq = 0, SessionSocketOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(session);
        return new SessionSocket(
            new Uri(session.SocketUrl),
            async cancellationToken => (await IssueTicketAsync(session.Id, cancellationToken).ConfigureAwait(false)).Ticket,
            afterSeq,
            options,
            Time)
        { SignedOut = _api.LoseSignIn };
    }

    // Rehearsals, providers, console

    public Task<RehearsalView> StartRehearsalAsync(StartRehearsal rehearsal, CancellationToken cancellationToken = default) =>
        _api.CreateAsync("api/v1/rehearsals", rehearsal, ContractsJson.Default.StartRehearsal, ContractsJson.Default.RehearsalView, cancellationToken);

    public Task<RehearsalView> GetRehearsalAsync(Guid id, CancellationToken cancellationToken = default) =>
        _api.GetAsync($"api/v1/rehearsals/{id}", ContractsJson.Default.RehearsalView, cancellationToken);

    public Task<IReadOnlyList<CallerScriptView>> ListScriptsAsync(CancellationToken cancellationToken = default) =>
        _api.GetAsync("api/v1/rehearsals/scripts", ContractsJson.Default.IReadOnlyListCallerScriptView, cancellationToken);

    public Task<IReadOnlyList<ProviderView>> ListProvidersAsync(CancellationToken cancellationToken = default) =>
        _api.GetAsync("api/v1/providers", ContractsJson.Default.IReadOnlyListProviderView, cancellationToken);

    public Task<ProvidersHealth> GetProvidersHealthAsync(CancellationToken cancellationToken = default) =>
        _api.GetAsync("api/v1/providers/health", ContractsJson.Default.ProvidersHealth, cancellationToken);

    /// <summary>Calls the provider with a synthetic question; takes up to half a minute.</summary>
    public Task<ProbeView> ProbeProviderAsync(string name, CancellationToken cancellationToken = default) =>
        _api.SendAsync(HttpMethod.Post, $"api/v1/providers/{Uri.EscapeDataString(name)}/probe", ContractsJson.Default.ProbeView, cancellationToken);

    /// <summary>Gives calls to the provider again, whatever was found out.</summary>
    public Task<ProviderHealthView> ResetBreakerAsync(string name, CancellationToken cancellationToken = default) =>
        _api.SendAsync(HttpMethod.Post, $"api/v1/providers/{Uri.EscapeDataString(name)}/breaker/reset", ContractsJson.Default.ProviderHealthView, cancellationToken);

    /// <summary>Whether each configured key works.</summary>
    public Task<KeysReport> ValidateConfigAsync(CancellationToken cancellationToken = default) =>
        _api.SendAsync(HttpMethod.Post, "api/v1/providers/validate-config", ContractsJson.Default.KeysReport, cancellationToken);

    /// <summary>Needs no sign-in.</summary>
    public Task<ConsoleInfo> GetConsoleInfoAsync(CancellationToken cancellationToken = default) =>
        _api.GetAsync("api/v1/console-info", ContractsJson.Default.ConsoleInfo, cancellationToken);

    public Task ReportErrorAsync(ErrorReport report, CancellationToken cancellationToken = default) =>
        _api.SendAsync(HttpMethod.Post, "api/v1/error-reports", report, ContractsJson.Default.ErrorReport, cancellationToken);

    private Task<SessionView> TakeMicrophoneAsync(Guid id, TakeMicrophone wish, long? ifVersion, CancellationToken cancellationToken) =>
        _api.SendAsync(HttpMethod.Post, $"api/v1/sessions/{id}/microphone", wish, ContractsJson.Default.TakeMicrophone, ContractsJson.Default.SessionView, cancellationToken, ifVersion);
}
