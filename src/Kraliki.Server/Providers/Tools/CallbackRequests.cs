using Kraliki.Contracts;
using Kraliki.Voice.Providers;

namespace Kraliki.Server.Providers.Tools;

/// <summary>The caller wants to be called back: written into the session, where people find it.</summary>
internal static class CallbackRequests
{
    private const int LongestWhen = 100;
    private const int LongestNote = 500;

    public static ServerTool Tool { get; } = new(
        new CallTool(
            "request_callback",
            "Notes that a colleague is to call the caller back. Ask when it suits before you call it, and tell the caller once it is noted.",
            """
            {
              "type": "object",
              "properties": {
                "when": { "type": "string", "description": "Date and time such as 2026-03-02 10:00 if you know them, otherwise what the caller said." },
                "note": { "type": "string", "description": "What it is about, in one sentence, with what the colleague needs to know." }
              },
              "required": ["when", "note"]
            }
            """),
        (request, _) => Task.FromResult(Note(request)));

    private static string Note(ToolRequest request)
    {
        string when = Cut(request.Text("when"), LongestWhen);
        string note = Cut(request.Text("note"), LongestNote);
        return when.Length == 0 ? """{"error":"Ask the caller when to call back, and say it in when."}"""
            : request.Record(new CallbackRequested(request.CallId, when, note)) ? """{"ok":true}"""
            : ServerTools.Failed;
    }

    private static string Cut(string text, int length) => text.Length <= length ? text : text[..length];
}
