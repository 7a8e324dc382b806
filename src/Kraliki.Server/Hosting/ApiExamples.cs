using System.Text.Json;
using System.Text.Json.Nodes;
using Kraliki.Contracts;
using Kraliki.Server.Identity;

namespace Kraliki.Server.Hosting;

/// <summary>One example of each body, as objects of the contract, so that the compiler keeps them true.</summary>
internal static class ApiExamples
{
    private const string Address = "203.0.113.7";
    private const string Number = "+420226259221";

    private static readonly DateTimeOffset At = new(2026, 3, 2, 9, 30, 0, TimeSpan.Zero);
    private static readonly Guid SessionId = Guid.Parse("01992f6e-4a3b-7c21-9d53-0c5f2f8e6a10");
    private static readonly Guid UserId = Guid.Parse("01992f6e-1111-7c21-9d53-0c5f2f8e6a11");
    private static readonly Guid OrganisationId = Guid.Parse("01992f6e-2222-7c21-9d53-0c5f2f8e6a12");
    private static readonly Guid OtherId = Guid.Parse("01992f6e-3333-7c21-9d53-0c5f2f8e6a13");

    private static readonly UserView User = new(UserId, "jana@company.example", "Jana Nová", UserRole.Agent, OrganisationId, "Company", 1);
    private static readonly SocketTicket Ticket = new("Vd0m1yq3mC2n6m0jYw5fS0Q1lq8u3o3b9o1l5e2k9c0", At.AddSeconds(30));

    private static readonly ModelUsage[] Usage =
    [
        new("openai", "gpt-realtime-2.1")
        {
            TextInTokens = 240, TextCachedTokens = 1_920, AudioInTokens = 310, AudioCachedTokens = 640, TextOutTokens = 60, AudioOutTokens = 420,
            AudioInSeconds = 41.2, AudioOutSeconds = 21, Cost = 0.040224m, Estimated = true,
        },
    ];

    private static readonly SessionView Session = new(
        SessionId,
        SessionState.Active,
        "openai",
        VoiceStrategy.Realtime,
        "twilio",
        Number,
        new Dictionary<string, string> { ["order"] = "A-17" },
        At,
        At.AddSeconds(6),
        At.AddSeconds(2),
        null,
        null,
        null,
        5,
        $"wss://kraliki.company.example/ws/sessions/{SessionId}",
        3,
        Usage: Usage,
        Cost: SessionCost.Of(Usage, 2));

    private static readonly TranscriptLine Line = new(5, "item_2", LegRole.Caller, "I would like to move my booking.", 2_400, 4_100, 0.94, false);

    private static readonly AssistantContent Content = new(
        "Travel desk",
        "You are the telephone assistant of a small travel agency.\nSpeak in short sentences.",
        "Good morning, this is the travel desk. How can I help you?",
        Language: "en-GB",
        Providers: ["openai", "local"],
        Voices: new Dictionary<string, string> { ["openai"] = "marin" },
        Tools: ["end_call", "request_callback"],
        Limits: new AssistantLimits(30, 60, 2));

    private static readonly AssistantView Assistant = new(OtherId, Content, 3, true, At, At.AddDays(2), "jana@company.example", null);

    private static readonly ProbeView Probe = new(At, true, null, "It heard a question and answered it.", 412, 930);

    private static readonly ProviderHealthView Health =
        new("openai", "gpt-realtime-2.1", BreakerState.Closed, At, 0, 50, 0.98, 380, 610, "The connection to OpenAI ended without a goodbye (code 1006).", At.AddMinutes(-20), null, Probe);

    private static readonly Dictionary<Type, object> All = new object[]
    {
        new LoginRequest("jana@company.example", "a long sentence as password", TokenTransport.Body),
        new LoginResponse(User, 900, "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCJ9.…", "d2VsbCBoaWRkZW4gcmVmcmVzaCB0b2tlbg", "Bearer"),
        new RefreshRequest("d2VsbCBoaWRkZW4gcmVmcmVzaCB0b2tlbg", TokenTransport.Body),
        new RegisterRequest("Jana Nová", "a long sentence as password", "jana@company.example", "Company"),
        new RegisterResponse("jana@company.example", true),
        new MailTokenRequest("bWFpbCB0b2tlbg"),
        new EmailRequest("jana@company.example"),
        new ResetPasswordRequest("bWFpbCB0b2tlbg", "another long sentence"),
        new ChangePasswordRequest("a long sentence as password", "another long sentence"),
        new UpdateMe("Jana Malá"),
        User,
        new DeviceView(OtherId, true, "Firefox on Linux", Address, At, At.AddMinutes(10)),
        new MemberView(UserId, "jana@company.example", "Jana Nová", UserRole.Agent, MemberStatus.Active, At, At.AddDays(1), 1),
        new InviteUser("petr@company.example", UserRole.Supervisor),
        new UpdateUser(Role: UserRole.Supervisor),
        new InvitationView(OtherId, "petr@company.example", UserRole.Supervisor, "jana@company.example", At, At.AddDays(7)),
        new InvitationOffer("petr@company.example", UserRole.Supervisor, "Company", "jana@company.example"),
        new MailView(OtherId, "petr@company.example", "You are invited to Company", "Jana Nová invites you …", At),
        new AuditEntryView(42, At, "jana@company.example", AuditActions.RoleChanged, UserId.ToString(), "From an operator to a supervisor.", Address, "checkout-7f3a"),
        new AuditVerification(false, 42, At, [new AuditProblem(17, AuditFault.Changed, "Entry 17 is not as it was written.")]),
        new FlagView("enable_sentiment_analysis", "Sentiment", "Tells how the caller feels.", true, false, null, At, "jana@company.example", 2),
        new UpdateFlag(true),
        Assistant,
        new SaveAssistant(Content, "Opening hours of the new branch."),
        new AssistantSummary(OtherId, Content.Name, 3, true, At, At.AddDays(2), "jana@company.example", null),
        new AssistantVersionView(3, At.AddDays(2), "jana@company.example", "Opening hours of the new branch.", null, Content),
        new AssistantToolView("end_call", "Hangs up. Call it after saying goodbye, when the caller has nothing more to ask."),
        new CreateSession("openai", VoiceStrategy.Realtime, "twilio", Number, new Dictionary<string, string> { ["order"] = "A-17" }, CostCap: 2),
        new UpdateSession(SessionState.OnHold),
        new EndSession("The caller was helped."),
        new TakeMicrophone("tab-5f0c41d2"),
        new SwitchSessionProvider("local", "The voice breaks up."),
        new ForceFailover("It does not answer."),
        new FailoverPolicy(true, ["openai", "local"], 6),
        new SessionProvider("openai", "OpenAI Realtime", "gpt-realtime", At.AddSeconds(2), 240, true, 1),
        new SwitchHistory([new SessionEvent(9, At.AddSeconds(40), new ProviderSwitched("openai", "local", SwitchCause.Requested, "The voice breaks up.", "jana@company.example", 310, 0, 6, 1))]),
        new SessionUsage(SessionId, Usage, SessionCost.Of(Usage, 2)),
        new SessionProviderHealth("openai", "OpenAI Realtime", true, true, null, 1, "The connection was lost.", At.AddSeconds(30), 240),
        Session,
        new SessionBootstrap(Session, Session.SocketUrl, Ticket, [], ["listen", "audio"]),
        Ticket,
        new SessionEventPage([new SessionEvent(5, At.AddSeconds(6), new TurnFinished("item_2", LegRole.Caller, Line.Text, Line.StartMs, Line.EndMs, Line.Confidence))], 5, false),
        new Transcript(SessionId, At.AddSeconds(2), [Line]),
        new StartRehearsal("booking", "local"),
        new RehearsalView(OtherId, RehearsalStatus.Running, "booking", "local", "twilio", SessionId, At, null, null, null, At.AddSeconds(2)),
        new CallerScriptView("booking", "A booking", "Books a table for two.", 4, 40),
        new ProviderView("openai", "OpenAI Realtime", [VoiceStrategy.Realtime], false, null, "gpt-realtime-2.1", Health),
        Health,
        Probe,
        new ProvidersHealth([Health], [new BreakerChange(At, "openai", "gpt-realtime-2.1", BreakerState.HalfOpen, BreakerState.Closed, "It answered 2 times in a row.", "server")]),
        new KeysReport(true, [new KeyView("Kraliki:Providers:OpenAI:ApiKey", "OpenAI", KeyVerdict.Valid, "The key is accepted, and there is the model gpt-realtime-2.1.")]),
        new ConsoleInfo("1.0.0", false, [], null),
        new ErrorReport("The transcript could not be drawn.", "Transcript", "checkout-7f3a"),
        new JsonWebKeys([new PublicJwk("OKP", "Ed25519", "EdDSA", "sig", "2026-03", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")]),
    }.ToDictionary(example => example.GetType());

    /// <summary>The types that have an example.</summary>
    public static IReadOnlyCollection<Type> Types => All.Keys;

    /// <param name="options">The API's own.</param>
    /// <returns>Lists and pages hold the example of their element. Null when there is none.</returns>
    public static JsonNode? Find(Type type, JsonSerializerOptions options)
    {
        if (All.TryGetValue(type, out var example))
        {
            return JsonSerializer.SerializeToNode(example, type, options);
        }

        if (!type.IsGenericType || Find(type.GetGenericArguments()[0], options) is not { } element)
        {
            return null;
        }

        return type.GetGenericTypeDefinition() == typeof(Page<>)
            ? new JsonObject { ["items"] = new JsonArray(element), ["next_cursor"] = "kLq2W0m7Qz0aGd1JrX0bFzAxOTkyZjZl" }
            : new JsonArray(element);
    }
}
