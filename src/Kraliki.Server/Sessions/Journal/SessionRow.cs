using System.Text.Json;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace Kraliki.Server.Sessions.Journal;

/// <summary>Which sides of the call are connected at present.</summary>
[Flags]
public enum MediaSides
{
    None = 0,
    Carrier = 1,
    Provider = 2,
    Both = Carrier | Provider,
}

/// <summary>
/// What a session's journal adds up to: the fold of its events, written in the same transaction as they are. Read it
/// freely; only <see cref="JournalWriter"/> writes it.
/// </summary>
[GenerateSerializer, Immutable]
public sealed record SessionRow : IOwned
{
    // No digit of an id.
    private const string SocketMark = "s";

    [Id(0)] public required Guid Id { get; init; }

    [Id(1)] public required Guid OrganisationId { get; init; }

    [Id(2)] public SessionState State { get; init; }

    /// <summary>Who has the call, or had it last; before that, who is to have it.</summary>
    [Id(3)] public required string Provider { get; init; }

    [Id(4)] public VoiceStrategy Strategy { get; init; }

    [Id(5)] public required string TelephonyProvider { get; init; }

    [Id(6)] public string? PhoneNumber { get; init; }

    [Id(7)] public required Dictionary<string, string> Metadata { get; init; }

    [Id(8)] public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When the newest write was made; for incremental sync.</summary>
    [Id(9)] public required DateTimeOffset UpdatedAt { get; init; }

    [Id(10)] public DateTimeOffset? StartedAt { get; init; }

    [Id(11)] public DateTimeOffset? EndedAt { get; init; }

    [Id(12)] public EndReason? EndReason { get; init; }

    [Id(13)] public string? EndDetail { get; init; }

    /// <summary>Sequence number of the newest event.</summary>
    [Id(14)] public long LastSeq { get; init; }

    /// <summary>Counts changes that people make or decide by: state, phone number, metadata, microphone, failover policy. The <c>ETag</c>.</summary>
    [Id(15)] public long Version { get; init; }

    /// <summary>Counts media sockets that took the session over or lost it; what an earlier one still sends is refused.</summary>
    [Id(16)] public long Epoch { get; init; }

    /// <summary>How many facts of this epoch's owner are in the journal: a batch that arrives twice is recognised by it.</summary>
    [Id(17)] public long OwnerFacts { get; init; }

    [Id(18)] public MediaSides Media { get; init; }

    /// <summary>Of the request that created it, for the calls that follow.</summary>
    [Id(19)] public string? RequestId { get; init; }

    [Id(20)] public string? TraceParent { get; init; }

    /// <summary>This life of the node that holds the call's media, as the cluster's membership names it; null when none does. When that node is lost, its sessions are found by it.</summary>
    [Id(21)] public string? Node { get; init; }

    /// <summary>Since when the caller is without us and is being brought back; null while a call runs, before it and after it.</summary>
    [Id(22)] public DateTimeOffset? InterruptedAt { get; init; }

    [Id(23)] public EndReason? InterruptedBy { get; init; }

    /// <summary>E-mail address of who holds the operator's microphone; null when it is free.</summary>
    [Id(24)] public string? MicrophoneUser { get; init; }

    [Id(25)] public string? MicrophoneClient { get; init; }

    [Id(26)] public DateTimeOffset? MicrophoneSince { get; init; }

    /// <summary>
    /// What must happen once and may be asked for again, newest first, 16 characters each: of a request whose facts are in the
    /// journal the digits, of a media socket that took the session over an "s" and 15 digits.
    /// </summary>
    [Id(27)] public string Requests { get; init; } = "";

    /// <summary>Null: the installation's policy.</summary>
    [Id(28)] public bool? FailoverEnabled { get; init; }

    /// <summary>Names of providers, separated by commas.</summary>
    [Id(29)] public string? FailoverOrder { get; init; }

    [Id(30)] public int? FailoverStallSeconds { get; init; }

    /// <summary>Of AI providers, one entry for each model.</summary>
    [Id(31)] public ModelUsage[] Usage { get; init; } = [];

    /// <summary>US dollars that AI providers may cost; null: no limit.</summary>
    [Id(32)] public decimal? CostCap { get; init; }

    public SessionCost Cost => SessionCost.Of(Usage, CostCap);

    /// <summary>Who leads the conversation, to its end in <see cref="AssistantVersion"/>; null: the server's own.</summary>
    [Id(33)] public Guid? AssistantId { get; init; }

    [Id(34)] public int? AssistantVersion { get; init; }

    /// <summary>The session's own policy; null when it has none.</summary>
    public FailoverPolicy? Failover => FailoverEnabled is { } enabled && FailoverStallSeconds is { } stall
        ? new(enabled, FailoverOrder?.Split(',', StringSplitOptions.RemoveEmptyEntries) ?? [], stall)
        : null;

    public MicrophoneHolder? Microphone => MicrophoneUser is { } user && MicrophoneClient is { } client ? new(user, client, MicrophoneSince) : null;

    /// <summary>What the request wanted is in the journal already: it is sent again because its answer got lost.</summary>
    public bool Did(Guid request) => Requests.Contains(DigitsOf(request), StringComparison.Ordinal);

    /// <summary>The row with which the request's facts are committed.</summary>
    public SessionRow Doing(Guid request) => Remembering(DigitsOf(request));

    /// <summary>The media socket took the session over, be it now or before others did.</summary>
    public bool WasTakenBy(Guid socket) => Requests.Contains(MarkOf(socket), StringComparison.Ordinal);

    /// <summary>No other socket has taken the session over since this one did.</summary>
    public bool WasTakenLastBy(Guid socket) =>
        Requests.IndexOf(SocketMark, StringComparison.Ordinal) is >= 0 and var newest && Requests.AsSpan(newest).StartsWith(MarkOf(socket), StringComparison.Ordinal);

    /// <summary>The row with which the socket takes the session over.</summary>
    /// <param name="life">Of the node that has the socket.</param>
    public SessionRow TakenBy(Guid socket, string life) => Remembering(MarkOf(socket)) with
    {
        Epoch = Epoch + 1,
        OwnerFacts = 0,
        Node = life,
        InterruptedAt = null,
        InterruptedBy = null,
    };

    /// <summary>The row after one more event. Pure: the same events always give the same row.</summary>
    public SessionRow Apply(SessionEvent happened)
    {
        var next = happened.Data switch
        {
            SessionUpdated change => this with
            {
                PhoneNumber = change.PhoneNumber ?? PhoneNumber,
                Metadata = change.Metadata is { } metadata ? new(metadata) : Metadata,
                Version = Version + 1,
            },
            StateChanged move => Moved(move, happened.At),
            CarrierConnected => this with { Media = Media | MediaSides.Carrier },
            // Later connections are made ready beside the one that has the call.
            ProviderConnected first when !Media.HasFlag(MediaSides.Provider) => this with { Media = Media | MediaSides.Provider, Provider = first.Provider },
            ProviderSwitched change => this with { Provider = change.To },
            ProviderUsed used => this with { Usage = ModelUsage.Sum(Usage.Concat(used.Used)) },
            FailoverPolicyChanged change => Ruled(change.Policy) with { Version = Version + 1 },
            MicrophoneTaken taken => Held(taken.User, taken.ClientId, happened.At),
            MicrophoneReleased => Held(null, null, null),
            CallInterrupted cut => this with { Media = MediaSides.None, Node = null, InterruptedAt = happened.At, InterruptedBy = cut.Reason },
            MediaEnded or CallResumed => this with { Media = MediaSides.None },
            _ => this,
        };
        return next with { LastSeq = happened.Seq };
    }

    /// <summary>The row of a new session; its first event is still to be applied.</summary>
    public static SessionRow Born(Guid id, Guid organisation, SessionCreated facts, DateTimeOffset at) => new SessionRow
    {
        Id = id,
        OrganisationId = organisation,
        State = SessionState.Created,
        Provider = facts.Provider,
        Strategy = facts.Strategy,
        TelephonyProvider = facts.TelephonyProvider,
        PhoneNumber = facts.PhoneNumber,
        Metadata = new(facts.Metadata),
        CreatedAt = at,
        UpdatedAt = at,
        Version = 1,
        RequestId = facts.RequestId,
        TraceParent = facts.TraceParent,
        AssistantId = facts.AssistantId,
        AssistantVersion = facts.AssistantVersion,
        CostCap = facts.CostCap,
    }.Ruled(facts.Failover);

    public SessionView ToView(string socketUrl) => new(
        Id, State, Provider, Strategy, TelephonyProvider, PhoneNumber, Metadata, CreatedAt, UpdatedAt, StartedAt, EndedAt,
        EndReason, EndDetail,
        LastSeq, socketUrl, Version, Microphone, AssistantId, AssistantVersion, Usage, Cost);

    private SessionRow Ruled(FailoverPolicy? policy) => policy is null ? this : this with
    {
        FailoverEnabled = policy.Enabled,
        FailoverOrder = string.Join(',', policy.Order),
        FailoverStallSeconds = policy.StallSeconds,
    };

    private SessionRow Held(string? user, string? client, DateTimeOffset? since) => this with
    {
        MicrophoneUser = user,
        MicrophoneClient = client,
        MicrophoneSince = since,
        Version = Version + 1,
    };

    private SessionRow Remembering(string done) => this with { Requests = string.Concat(done, Requests.AsSpan(0, Math.Min(Requests.Length, 15 * 16))) };

    // The second half of a version 7 id is random.
    private static string DigitsOf(Guid request) => request.ToString("N")[16..];

    private static string MarkOf(Guid socket) => string.Concat(SocketMark, socket.ToString("N").AsSpan(17));

    private SessionRow Moved(StateChanged move, DateTimeOffset at) => (SessionRules.IsOver(move.To) ? Held(null, null, null) : this) with
    {
        State = move.To,
        Version = Version + 1,
        Node = SessionStates.IsTerminal(move.To) ? null : Node,
        InterruptedAt = SessionStates.IsTerminal(move.To) ? null : InterruptedAt,
        InterruptedBy = SessionStates.IsTerminal(move.To) ? null : InterruptedBy,
        StartedAt = move.To == SessionState.Active ? StartedAt ?? at : StartedAt,
        EndedAt = SessionStates.IsTerminal(move.To) ? at : EndedAt,
        EndReason = move.Reason ?? EndReason,
        EndDetail = move.Detail ?? EndDetail,
    };
}

/// <summary>One entry of the journal. Never changed, never removed but by retention.</summary>
public sealed class SessionEventRow
{
    public required Guid SessionId { get; init; }

    public required long Seq { get; init; }

    /// <summary>The session's <see cref="SessionRow.Epoch"/> when it was written.</summary>
    public required long Epoch { get; init; }

    /// <summary>The <c>kind</c> of the payload, for queries.</summary>
    public required string Kind { get; init; }

    public required DateTimeOffset At { get; init; }

    /// <summary>A <see cref="SessionFact"/> as JSON, as it also goes out on the wire.</summary>
    public required string Payload { get; init; }

    public SessionEvent ToEvent() => new(Seq, At, JournalJson.Read(Payload));
}

internal sealed class SessionRowTable : IEntityTypeConfiguration<SessionRow>
{
    public void Configure(EntityTypeBuilder<SessionRow> builder)
    {
        builder.ToTable("sessions");
        builder.HasKey(row => row.Id);
        builder.Property(row => row.Id).ValueGeneratedNever();
        builder.Property(row => row.State).HasConversion<SnakeCaseText<SessionState>>();
        builder.Property(row => row.Strategy).HasConversion<SnakeCaseText<VoiceStrategy>>();
        builder.Property(row => row.EndReason).HasConversion<SnakeCaseText<EndReason>>();
        builder.Property(row => row.InterruptedBy).HasConversion<SnakeCaseText<EndReason>>();
        builder.Property(row => row.Metadata).HasConversion(
            map => JsonSerializer.Serialize(map, JsonSerializerOptions.Default),
            json => JsonSerializer.Deserialize<Dictionary<string, string>>(json, JsonSerializerOptions.Default)!,
            new ValueComparer<Dictionary<string, string>>(
                (a, b) => ReferenceEquals(a, b),
                map => map.Count));

        builder.Property(row => row.Usage).HasConversion(
            usage => JsonSerializer.Serialize(usage, ContractsJson.Default.ModelUsageArray),
            json => JsonSerializer.Deserialize(json, ContractsJson.Default.ModelUsageArray)!,
            new ValueComparer<ModelUsage[]>((a, b) => ReferenceEquals(a, b), usage => usage.Length));

        // Ids are UUIDv7: their order is the order of creation.
        builder.HasIndex(row => new { row.OrganisationId, row.Id });
        builder.HasIndex(row => new { row.OrganisationId, row.UpdatedAt, row.Id });
        builder.HasIndex(row => row.State);

        // Looked through again and again for tabs that are gone; few sessions have a holder.
        builder.HasIndex(row => row.MicrophoneUser).HasFilter("microphone_user IS NOT NULL");
        builder.Ignore(row => row.Microphone);
        builder.Ignore(row => row.Failover);
        builder.Ignore(row => row.Cost);
    }
}

internal sealed class SessionEventRowTable : IEntityTypeConfiguration<SessionEventRow>
{
    public void Configure(EntityTypeBuilder<SessionEventRow> builder)
    {
        builder.ToTable("session_events");
        builder.HasKey(row => new { row.SessionId, row.Seq });
        builder.HasOne<SessionRow>().WithMany().HasForeignKey(row => row.SessionId).OnDelete(DeleteBehavior.Cascade);
    }
}

/// <summary>Stores an enum as the word that also goes over the wire.</summary>
internal sealed class SnakeCaseText<T>() : ValueConverter<T, string>(value => WireWord.Of(value), word => WireWord.Find<T>(word)!.Value)
    where T : struct, Enum;
