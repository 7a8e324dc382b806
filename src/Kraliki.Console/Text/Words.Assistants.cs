using System.Globalization;
using Kraliki.Contracts;

namespace Kraliki.OperatorConsole.Text;

public sealed partial record Words
{
    public string Assistants { get; init; } = "Assistants";
    public string AssistantsIntro { get; init; } = "What the AI is told to be and to do on the telephone. A call keeps the version that it began with; what you save holds for the next one.";
    public string AssistantsReadOnly { get; init; } = "What the AI is told to be and to do on the telephone. Supervisors and administrators write it.";
    public string NewAssistant { get; init; } = "New assistant";
    public string NewAssistantIntro { get; init; } = "Say who it is, what it may do and how it speaks. You can try it in a practice call before anybody else hears it.";
    public string ShowArchived { get; init; } = "Show archived ones";
    public string NoAssistantsTitle { get; init; } = "No assistant yet";
    public string NoAssistants { get; init; } = "An assistant is a page of plain instructions. Write one, try it in a practice call, then make it the default.";
    public string AssistantIsDefault { get; init; } = "Default";
    public string AssistantDefaultExplained { get; init; } = "Takes the calls that name no assistant";
    public string AssistantIsArchived { get; init; } = "Archived";
    public string VersionNumber { get; init; } = "Version {0}";
    public string SavedBy { get; init; } = "saved by {0}";
    public string TryAssistant { get; init; } = "Try it in a practice call";
    public string SaveAndTryAssistant { get; init; } = "Save and try it";
    public string PracticeWith { get; init; } = "You call {0}, version {1}.";
    public string MakeDefault { get; init; } = "Make default";
    public string MadeDefault { get; init; } = "{0} takes the calls that name no assistant from now on.";
    public string Archive { get; init; } = "Archive";
    public string ArchivedDone { get; init; } = "{0} is archived: no new call gets it. Its versions are kept.";
    public string TakeBack { get; init; } = "Take back";
    public string TakenBack { get; init; } = "{0} can take calls again.";
    public string ArchivedAdvice { get; init; } = "This assistant is archived: no new call gets it, and it cannot be changed. Take it back to go on with it.";
    public string DefaultStays { get; init; } = "The default assistant cannot be archived. Make another one the default first.";

    // The form
    public string AssistantName { get; init; } = "Name";
    public string AssistantNameMissing { get; init; } = "Give it a name.";
    public string AssistantInstructions { get; init; } = "Instructions";
    public string InstructionsHint { get; init; } = "In plain language: who it is, what it knows, what it may promise, when it hands over.";
    public string InstructionsMissing { get; init; } = "Without instructions the AI does not know what it is there for.";
    public string CharactersOf { get; init; } = "{0} of {1} characters";
    public string AssistantWords { get; init; } = "Its own words";
    public string AssistantGreeting { get; init; } = "Greeting";
    public string GreetingHint { get; init; } = "The first words of a call. Empty: it greets in words of its own.";
    public string AssistantApology { get; init; } = "After a break, before an answer";
    public string AssistantWelcomeBack { get; init; } = "After a break, when nobody speaks";
    public string BreakHint { get; init; } = "Empty takes our words.";
    public string AssistantLanguage { get; init; } = "Language";
    public string LanguageHint { get; init; } = "en, en-GB, cs-CZ. Empty leaves it to the provider.";
    public string ProviderOrder { get; init; } = "Providers";
    public string ProviderOrderHint { get; init; } = "The first one takes the call, the next ones stand in when it fails. None chosen: all that are set up, in their usual order.";
    public string AddProvider { get; init; } = "Add";
    public string RemoveProvider { get; init; } = "Take out";
    public string Voices { get; init; } = "Voices";
    public string VoicesHint { get; init; } = "By the provider's own name for it. They differ from provider to provider.";
    public string VoiceOf { get; init; } = "Voice";
    public string VoiceHint { get; init; } = "its usual one";
    public string AssistantTools { get; init; } = "What it may have done";
    public string AllTools { get; init; } = "Everything that the server can do for it, now and later";
    public string SomeTools { get; init; } = "Only what is chosen here";
    public string AssistantLimits { get; init; } = "When it says goodbye by itself";
    public string MaxCallMinutes { get; init; } = "After so many minutes";
    public string MaxSilenceSeconds { get; init; } = "After so many seconds of silence";
    public string NoLimit { get; init; } = "Empty: never.";
    public string NotWhole { get; init; } = "Give a whole number, or nothing.";
    public string CostCap { get; init; } = "After so many US dollars";
    public string CostCapHint { get; init; } = "What its providers may cost. Empty: as the server is set.";
    public string NotAnAmount { get; init; } = "Give an amount such as 2.50, or nothing.";
    public string VersionNote { get; init; } = "What changed";
    public string VersionNoteHint { get; init; } = "For the history; may be empty.";
    public string SaveVersion { get; init; } = "Save";
    public string SavedAs { get; init; } = "Saved as version {0}";
    public string NothingChanged { get; init; } = "Nothing has changed";
    public string UnsavedChanges { get; init; } = "Unsaved changes";
    public string SaveKeys { get; init; } = "Ctrl S";
    public string AssistantConflict { get; init; } = "{0} has saved version {1}. Look at it in the history, then save yours over it or load theirs.";
    public string SaveMine { get; init; } = "Save mine as a new version";
    public string LoadTheirs { get; init; } = "Load theirs, drop mine";

    // The history
    public string History { get; init; } = "History";
    public string CompareWith { get; init; } = "Compare with";
    public string RestoredFrom { get; init; } = "repeats version {0}";
    public string Newest { get; init; } = "Newest";
    public string ComparedTitle { get; init; } = "Version {0} and what is on the left";
    public string ComparedReadOnly { get; init; } = "Version {0} and the newest one";
    public string NoDifference { get; init; } = "There is no difference.";
    public string LineRemoved { get; init; } = "Only in version {0}";
    public string LineAdded { get; init; } = "Only now";
    public string RestoreVersion { get; init; } = "Restore version {0}";
    public string StopComparing { get; init; } = "Stop comparing";
    public string Restored { get; init; } = "Version {0} is back, as version {1}.";
    public string RestoreNeedsSaved { get; init; } = "Save or undo your changes before you restore a version.";

    // Leaving
    public string LeaveTitle { get; init; } = "Leave without saving?";
    public string LeaveExplained { get; init; } = "What you have written here since the last save is lost then.";
    public string Stay { get; init; } = "Stay";
    public string LeaveAnyway { get; init; } = "Leave without saving";

    // An assistant as a text, for reading and comparing
    public string AnyLanguage { get; init; } = "left to the provider";
    public string AllProviders { get; init; } = "all that are set up";
    public string EveryTool { get; init; } = "everything";
    public string NoTool { get; init; } = "nothing";
    public string Never { get; init; } = "never";
    public string AsTheServer { get; init; } = "as the server is set";
    public string OwnWords { get; init; } = "words of its own";
    public string OurWords { get; init; } = "our words";
    public string MinutesLong { get; init; } = "{0} minutes";
    public string SecondsLong { get; init; } = "{0} seconds";

    /// <summary>Everything of an assistant but its instructions: what it is called and what it is.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> FactsOf(AssistantContent content)
    {
        ArgumentNullException.ThrowIfNull(content);
        return
        [
            new(AssistantName, content.Name),
            new(AssistantGreeting, content.Greeting ?? OwnWords),
            new(AssistantApology, content.Apology ?? OurWords),
            new(AssistantWelcomeBack, content.WelcomeBack ?? OurWords),
            new(AssistantLanguage, content.Language ?? AnyLanguage),
            new(ProviderOrder, content.Providers is { Count: > 0 } order ? string.Join(", ", order) : AllProviders),
            new(VoiceOf, content.Voices is { Count: > 0 } voices ? string.Join(", ", voices.OrderBy(voice => voice.Key, StringComparer.Ordinal).Select(voice => $"{voice.Key}: {voice.Value}")) : VoiceHint),
            new(AssistantTools, content.Tools switch { null => EveryTool, [] => NoTool, var tools => string.Join(", ", tools) }),
            new(MaxCallMinutes, Or(content.Limits?.MaxCallMinutes, MinutesLong)),
            new(MaxSilenceSeconds, Or(content.Limits?.MaxSilenceSeconds, SecondsLong)),
            new(CostCap, content.Limits?.CostCap is { } cap ? CallWords.Dollars(cap) : AsTheServer),
        ];
    }

    private string Or(int? count, string sentence) => count is { } some ? string.Format(CultureInfo.InvariantCulture, sentence, some) : Never;
}
