namespace Kraliki.OperatorConsole.Text;

/// <summary>
/// Every sentence of the console. This is the English table; another language is another instance of the same record,
/// so nothing that people read stands anywhere else. <c>{0}</c> marks what is put in.
/// </summary>
public sealed partial record Words
{
    // The house
    public string ProductName { get; init; } = "Kraliki";
    public string LiveDesk { get; init; } = "Live desk";
    public string SkipToContent { get; init; } = "Skip to content";
    public string DemoBadge { get; init; } = "Demo";
    public string DemoExplained { get; init; } = "Simulators stand in for carriers and providers. Nobody real is called.";
    public string UseDarkTheme { get; init; } = "Switch to the dark theme";
    public string UseLightTheme { get; init; } = "Switch to the light theme";
    public string KeyboardShortcuts { get; init; } = "Keyboard shortcuts";
    public string ApiReference { get; init; } = "API reference";
    public string UserMenu { get; init; } = "Your account";
    public string SignOut { get; init; } = "Sign out";
    public string Close { get; init; } = "Close";
    public string Cancel { get; init; } = "Cancel";
    public string TryAgain { get; init; } = "Try again";
    public string Dismiss { get; init; } = "Dismiss";
    public string Loading { get; init; } = "Loading…";
    public string PageMissingTitle { get; init; } = "There is no such page";
    public string PageMissing { get; init; } = "The address may be mistyped, or the page has moved.";
    public string BackToDesk { get; init; } = "Back to the live desk";
    public string RoleAdmin { get; init; } = "Administrator";
    public string RoleSupervisor { get; init; } = "Supervisor";
    public string RoleAgent { get; init; } = "Operator";
    public string RoleViewer { get; init; } = "Viewer";

    // Connection and faults
    public string Online { get; init; } = "Connected";
    public string Offline { get; init; } = "Offline";
    public string OfflineBanner { get; init; } = "Your browser is offline. Calls go on without it; this page catches up as soon as the network is back.";
    public string ServerUnreachableBanner { get; init; } = "The server does not answer. Trying again; what you see may be old.";
    public string ReconnectingBanner { get; init; } = "The live connection broke. Reconnecting; no line will be lost.";
    public string ReconnectingIn { get; init; } = "Next try in {0} s.";
    public string PanelFaultTitle { get; init; } = "This part of the page stopped working";
    public string PanelFault { get; init; } = "The call is not affected. The fault was reported.";
    public string RequestIdLabel { get; init; } = "Request {0}";
    public string FaultUnreachable { get; init; } = "The server cannot be reached. Check your network and try again.";

    // Live desk
    public string Calls { get; init; } = "Calls";
    public string LiveNow { get; init; } = "Live now";
    public string Recent { get; init; } = "Recent";
    public string NoLiveCalls { get; init; } = "No call is live.";
    public string UnknownCaller { get; init; } = "Unknown number";
    public string PlacePracticeCall { get; init; } = "Place a practice call";
    public string PracticeCall { get; init; } = "Practice call";
    public string FirstCallTitle { get; init; } = "Hear the assistant at work";
    public string FirstCall { get; init; } = "A simulated caller rings the assistant over the real telephone protocol. You listen, read along, and step in.";
    public string ChooseCallTitle { get; init; } = "Choose a call";
    public string ChooseCall { get; init; } = "Its transcript and controls appear here. Or let a simulated caller ring the assistant.";
    public string ListFault { get; init; } = "The list of calls could not be loaded.";

    // Practice dialog
    public string PracticeIntro { get; init; } = "A simulated caller follows a script and speaks real audio. Nobody real is called.";
    public string Script { get; init; } = "What the caller does";
    public string Provider { get; init; } = "Who answers";
    public string AsAssistantHasIt { get; init; } = "As the assistant has it";
    public string AsAssistantHasItHint { get; init; } = "Its first provider that is set up here; the others stand in when it fails.";
    public string ScriptSilent { get; init; } = "silent, about {1} s";
    public string ScriptOneLine { get; init; } = "one line, about {1} s";
    public string ScriptLines { get; init; } = "{0} lines, about {1} s";
    public string Simulated { get; init; } = "Simulated";
    public string StartCall { get; init; } = "Start the call";
    public string Dialling { get; init; } = "Dialling…";
    public string NoProvider { get; init; } = "No provider can take a call at present.";
    public string PracticeFailed { get; init; } = "The practice call did not start: {0}";

    // The call
    public string Transcript { get; init; } = "Transcript";
    public string OpenTranscriptPage { get; init; } = "Open the transcript page";
    public string WaitingForWords { get; init; } = "Waiting for the first words…";
    public string NothingWasSaid { get; init; } = "Nothing was said in this call.";
    public string JumpToNewest { get; init; } = "Jump to newest";
    public string NewLines { get; init; } = "{0} new";
    public string Caller { get; init; } = "Caller";
    public string Assistant { get; init; } = "Assistant";
    public string Operator { get; init; } = "Operator";
    public string Supervisor { get; init; } = "Supervisor";
    public string CutOffAfter { get; init; } = "cut off after {0} s";
    public string CutOff { get; init; } = "cut off";
    public string Started { get; init; } = "Started";
    public string CallFault { get; init; } = "This call could not be loaded.";
    public string CallMissing { get; init; } = "There is no such call, or it belongs to another organisation.";

    public string CallInterrupted { get; init; } = "Connection to the caller lost, bringing the call back…";
    public string NotYetSaved { get; init; } = "Not yet saved";
    public string UnsavedNotice { get; init; } = "{0}: the call goes on.";
    public string UnsavedOne { get; init; } = "1 entry waits to be saved.";
    public string UnsavedMany { get; init; } = "{0} entries wait to be saved.";
    public string UnsavedUnknown { get; init; } = "Nothing can be saved at present";

    // Call bar
    public string CallBar { get; init; } = "Call controls";
    public string Listen { get; init; } = "Listen";
    public string StopListening { get; init; } = "Stop listening";
    public string ListenConnecting { get; init; } = "Connecting audio…";
    public string ListenBlocked { get; init; } = "The browser blocked sound. Press Listen once more.";
    public string ListenFailed { get; init; } = "Audio could not be started in this browser.";
    public string ListenLost { get; init; } = "Audio connection lost, trying again…";
    public string TellAssistant { get; init; } = "Tell the assistant…";
    public string TellAssistantLabel { get; init; } = "Instruction for the assistant";
    public string Send { get; init; } = "Send";
    public string EndCall { get; init; } = "End call";
    public string NoCallChosen { get; init; } = "Choose a call first.";
    public string CallNotConnected { get; init; } = "The call is not connected yet.";
    public string CallIsOver { get; init; } = "The call is over.";
    public string NotAllowedToControl { get; init; } = "Your role may watch calls, not control them.";
    public string JoiningCall { get; init; } = "Joining the call…";
    public string LiveConnectionDown { get; init; } = "The live connection is down; reconnecting.";

    // Microphone
    public string Microphone { get; init; } = "Microphone";
    public string MicrophoneHere { get; init; } = "You hold the microphone in this tab.";
    public string MicrophoneElsewhere { get; init; } = "You hold the microphone in another tab.";
    public string MicrophoneOthers { get; init; } = "{0} holds the microphone.";
    public string MicrophoneTake { get; init; } = "Take the microphone";
    public string MicrophoneTakeOver { get; init; } = "Take over here";
    public string MicrophoneGiveBack { get; init; } = "Give back";
    public string MicrophoneSure { get; init; } = "If you take it over, they will not be heard any more.";
    public string MicrophoneTakeAway { get; init; } = "Take it from them";

    // Suggestions
    public string Suggestions { get; init; } = "Suggestions";
    public string NoSuggestions { get; init; } = "Replies and next steps appear here while the caller speaks.";
    public string SuggestedReply { get; init; } = "For the assistant";
    public string SuggestedAction { get; init; } = "For you";
    public string TellTheAssistant { get; init; } = "Tell the assistant";
    public string ActionDone { get; init; } = "Done";

    // Details
    public string Details { get; init; } = "Details";
    public string ShowDetails { get; init; } = "Details";
    public string Timeline { get; init; } = "Timeline";
    public string Report { get; init; } = "Practice report";
    public string ReportPending { get; init; } = "The report follows when the call has ended.";
    public string ReportPassed { get; init; } = "All expectations met";
    public string ReportFailed { get; init; } = "Not everything went as expected";
    public string Expectations { get; init; } = "Expectations";
    public string Met { get; init; } = "met";
    public string NotMet { get; init; } = "not met";
    public string FoundInstead { get; init; } = "found: {0}";
    public string WordErrorRate { get; init; } = "Words misheard";
    public string FirstAnswer { get; init; } = "Answer after the caller stops";
    public string BargeInClear { get; init; } = "Silent after an interruption";
    public string Milliseconds { get; init; } = "{0} ms";
    public string MedianAndWorst { get; init; } = "{0} ms typical, {1} ms at worst";
    public string FactsTitle { get; init; } = "About the call";
    public string Number { get; init; } = "Number";
    public string LedBy { get; init; } = "Led by";
    public string LedByVersion { get; init; } = "{0}, version {1}";
    public string LedByUnnamed { get; init; } = "assistant version {0}";
    public string ProviderLabel { get; init; } = "Assistant runs on";
    public string Carrier { get; init; } = "Telephone carrier";
    public string State { get; init; } = "State";
    public string Duration { get; init; } = "Duration";
    public string EndedBecause { get; init; } = "Ended because";
    public string CallId { get; init; } = "Call id";
    public string AudioFrames { get; init; } = "Audio lost";
    public string ProviderCost { get; init; } = "AI cost";
    public string ProviderCostEstimated { get; init; } = "about {0}";
    public string ProviderCostCapped { get; init; } = "{0} of at most {1}";
    public string ProviderCostWithout { get; init; } = "{0} without {1}, which has no price";
    public string FramesLost { get; init; } = "{0} of {1} frames";

    // Transcript page
    public string TranscriptPageTitle { get; init; } = "Call transcript";
    public string Download { get; init; } = "Download";
    public string DownloadText { get; init; } = "Text";
    public string DownloadVtt { get; init; } = "WebVTT";
    public string DownloadSrt { get; init; } = "SRT";
    public string OpenOnDesk { get; init; } = "Open on the live desk";

    // Connection quality
    public string QualityExcellent { get; init; } = "Excellent";
    public string QualityGood { get; init; } = "Good";
    public string QualityFair { get; init; } = "Fair";
    public string QualityPoor { get; init; } = "Poor";
    public string QualityDisconnected { get; init; } = "Disconnected";
    public string QualityExplained { get; init; } = "Your live connection to the server";

    // Shortcuts
    public string ShortcutListen { get; init; } = "Listen, or stop listening";
    public string ShortcutEnd { get; init; } = "End the call";
    public string ShortcutTell { get; init; } = "Write to the assistant";
    public string ShortcutPractice { get; init; } = "Place a practice call";
    public string ShortcutNext { get; init; } = "Next call in the list";
    public string ShortcutPrevious { get; init; } = "Previous call in the list";
    public string ShortcutHelp { get; init; } = "This list";
    public string SingleKeyHelp { get; init; } = "Open this list with the single key ?";
}
