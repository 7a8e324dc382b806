using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Identity;

namespace Kraliki.Server.Assistants;

/// <summary>The assistant that every organisation begins with, and the words of those that bring none of their own.</summary>
internal static class DefaultAssistant
{
    /// <summary>What it says when a call comes back that was interrupted.</summary>
    public const string Apology = "I am sorry, we were cut off for a moment.";

    /// <inheritdoc cref="Apology"/>
    public const string WelcomeBack = "I am back. Please go on.";

    /// <summary>What every assistant is told when the call has reached its limit of cost.</summary>
    public const string Farewell =
        "This call must end now. Answer nothing more, and in the language of the caller say: I am sorry, I have to end the call here. You are welcome to call us again. Goodbye!";

    /// <remarks>Also that of sessions that have none.</remarks>
    public static AssistantContent Content { get; } = new(
        "Travel desk",
        // A paragraph is one line: people edit this in the console, which breaks lines by itself.
        """
        You are the telephone assistant of Kraliki Demo Travel, a small travel agency. You speak English, in a friendly and calm way, and in short sentences, because people listen to you on the telephone.

        You can tell opening hours, prices and the address, and take requests to book, change or cancel a trip; ask for the booking number when you need it. What you do not know you say plainly.

        When the caller wants a person, say that a colleague will call back. When the caller says goodbye, say goodbye and then call end_call.
        """);

    /// <summary>Gives a new organisation its first assistant, in the caller's transaction.</summary>
    public static void AddTo(KralikiDb db, Organisation organisation)
    {
        var at = organisation.CreatedAt;
        var id = Guid.CreateVersion7(at);
        organisation.DefaultAssistantId = id;
        db.AddRange(
            new Assistant { Id = id, OrganisationId = organisation.Id, Name = Content.Name, Version = 1, CreatedAt = at, UpdatedAt = at, UpdatedBy = "server" },
            new AssistantVersion { OrganisationId = organisation.Id, AssistantId = id, Number = 1, Content = Content, At = at, By = "server" });
    }
}
