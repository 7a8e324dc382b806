using System.Collections.Frozen;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kraliki.Contracts;

/// <summary>Writes an enum as its snake_case name: <c>CallerHungUp</c> is <c>caller_hung_up</c> on the wire.</summary>
public sealed class SnakeCaseEnumConverter<T>() : JsonStringEnumConverter<T>(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false)
    where T : struct, Enum;

/// <summary>Values of enums as the words that go over the wire, wherever they do not go through JSON.</summary>
public static class WireWord
{
    /// <summary>Of a named value; allocates nothing.</summary>
    public static string Of<T>(T value)
        where T : struct, Enum => Words<T>.OfValues[value];

    /// <returns>Null for a word that is none.</returns>
    public static T? Find<T>(string word)
        where T : struct, Enum => Words<T>.Values.TryGetValue(word, out var value) ? value : null;

    public static IReadOnlyList<string> All<T>()
        where T : struct, Enum => [.. Enum.GetValues<T>().Select(Of)];

    private static class Words<T>
        where T : struct, Enum
    {
        public static readonly FrozenDictionary<T, string> OfValues =
            Enum.GetValues<T>().ToFrozenDictionary(value => value, value => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString()));

        public static readonly FrozenDictionary<string, T> Values = OfValues.ToFrozenDictionary(pair => pair.Value, pair => pair.Key);
    }
}

/// <summary>Writes times in UTC with a <c>Z</c>; reads any offset.</summary>
public sealed class UtcTimeConverter : JsonConverter<DateTimeOffset>
{
    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.GetDateTimeOffset().ToUniversalTime();

    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.UtcDateTime);
}

/// <summary>One page of a list. <see cref="NextCursor"/> is null on the last page.</summary>
public sealed record Page<T>(IReadOnlyList<T> Items, string? NextCursor);

/// <summary>RFC 9457 problem details with our additions; the one error format of the REST API.</summary>
/// <param name="Type"><c>urn:kraliki:problem:</c> and the code: a name, not an address, so that it means the same at every installation.</param>
/// <param name="Code">Stable machine-readable name, snake_case; docs/errors.md lists them all.</param>
/// <param name="RequestId">The <c>X-Request-ID</c> under which the server logged this request.</param>
/// <param name="Errors">Field name (snake_case) to the sentences that say what is wrong and what would be right.</param>
/// <param name="AllowedStates">With code <c>illegal_transition</c>: where the session could go instead.</param>
/// <param name="Current">With codes <c>version_conflict</c>, <c>illegal_transition</c> and <c>session_over</c>: what was to be changed, as it is now. With <c>microphone_held</c>: who holds it (<see cref="MicrophoneHolder"/>).</param>
public sealed record Problem(
    string? Type,
    string Title,
    int Status,
    string? Detail,
    string Code,
    string? RequestId,
    IReadOnlyDictionary<string, string[]>? Errors = null,
    IReadOnlyList<SessionState>? AllowedStates = null,
    JsonElement? Current = null);

/// <summary>Source-generated JSON for everything on the wire: snake_case, nulls omitted, times in UTC.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    AllowOutOfOrderMetadataProperties = true,
    Converters = [typeof(UtcTimeConverter)])]
[JsonSerializable(typeof(Problem))]
[JsonSerializable(typeof(LoginRequest))]
[JsonSerializable(typeof(LoginResponse))]
[JsonSerializable(typeof(RefreshRequest))]
[JsonSerializable(typeof(RegisterRequest))]
[JsonSerializable(typeof(RegisterResponse))]
[JsonSerializable(typeof(MailTokenRequest))]
[JsonSerializable(typeof(EmailRequest))]
[JsonSerializable(typeof(ResetPasswordRequest))]
[JsonSerializable(typeof(ChangePasswordRequest))]
[JsonSerializable(typeof(UpdateMe))]
[JsonSerializable(typeof(UserView))]
[JsonSerializable(typeof(IReadOnlyList<DeviceView>))]
[JsonSerializable(typeof(MemberView))]
[JsonSerializable(typeof(Page<MemberView>))]
[JsonSerializable(typeof(InviteUser))]
[JsonSerializable(typeof(UpdateUser))]
[JsonSerializable(typeof(InvitationView))]
[JsonSerializable(typeof(InvitationOffer))]
[JsonSerializable(typeof(Page<InvitationView>))]
[JsonSerializable(typeof(MailView))]
[JsonSerializable(typeof(Page<MailView>))]
[JsonSerializable(typeof(Page<AuditEntryView>))]
[JsonSerializable(typeof(AuditVerification))]
[JsonSerializable(typeof(FlagView))]
[JsonSerializable(typeof(IReadOnlyList<FlagView>))]
[JsonSerializable(typeof(UpdateFlag))]
[JsonSerializable(typeof(AssistantContent))]
[JsonSerializable(typeof(SaveAssistant))]
[JsonSerializable(typeof(AssistantView))]
[JsonSerializable(typeof(Page<AssistantSummary>))]
[JsonSerializable(typeof(AssistantVersionView))]
[JsonSerializable(typeof(Page<AssistantVersionView>))]
[JsonSerializable(typeof(IReadOnlyList<AssistantToolView>))]
[JsonSerializable(typeof(CreateSession))]
[JsonSerializable(typeof(UpdateSession))]
[JsonSerializable(typeof(EndSession))]
[JsonSerializable(typeof(TakeMicrophone))]
[JsonSerializable(typeof(SwitchSessionProvider))]
[JsonSerializable(typeof(ForceFailover))]
[JsonSerializable(typeof(FailoverPolicy))]
[JsonSerializable(typeof(SessionProvider))]
[JsonSerializable(typeof(SessionUsage))]
[JsonSerializable(typeof(ModelUsage[]))]
[JsonSerializable(typeof(SwitchHistory))]
[JsonSerializable(typeof(IReadOnlyList<SessionProviderHealth>))]
[JsonSerializable(typeof(MicrophoneHolder))]
[JsonSerializable(typeof(SessionView))]
[JsonSerializable(typeof(SessionBootstrap))]
[JsonSerializable(typeof(SocketTicket))]
[JsonSerializable(typeof(Page<SessionView>))]
[JsonSerializable(typeof(SessionEvent))]
[JsonSerializable(typeof(SessionEventPage))]
[JsonSerializable(typeof(SessionFact))]
[JsonSerializable(typeof(Transcript))]
[JsonSerializable(typeof(ServerMessage))]
[JsonSerializable(typeof(ClientMessage))]
[JsonSerializable(typeof(StartRehearsal))]
[JsonSerializable(typeof(RehearsalReport))]
[JsonSerializable(typeof(RehearsalView))]
[JsonSerializable(typeof(Page<RehearsalView>))]
[JsonSerializable(typeof(IReadOnlyList<CallerScriptView>))]
[JsonSerializable(typeof(IReadOnlyList<ProviderView>))]
[JsonSerializable(typeof(ProvidersHealth))]
[JsonSerializable(typeof(ProviderHealthView))]
[JsonSerializable(typeof(ProbeView))]
[JsonSerializable(typeof(KeysReport))]
[JsonSerializable(typeof(ConsoleInfo))]
[JsonSerializable(typeof(ErrorReport))]
public sealed partial class ContractsJson : JsonSerializerContext;
