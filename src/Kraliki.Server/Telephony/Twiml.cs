using System.Xml.Linq;

namespace Kraliki.Server.Telephony;

/// <summary>The TwiML documents that we answer with.</summary>
internal static class Twiml
{
    /// <summary>Of silence between two questions.</summary>
    public const int HoldSeconds = 3;

    /// <summary>What a caller is told whose call cannot go on.</summary>
    public const string Lost = "We are sorry, the connection to our assistant was lost. Please call us again in a moment. Goodbye.";

    /// <summary>Connects the caller to a media socket; when that ends, Twilio posts to <paramref name="actionUrl"/> for what comes next.</summary>
    public static IResult Stream(string socketUrl, string token, string actionUrl) => Response(
        new XElement("Connect",
            new XAttribute("action", actionUrl),
            new XAttribute("method", "POST"),
            new XElement("Stream",
                new XAttribute("url", socketUrl),
                new XElement("Parameter", new XAttribute("name", "token"), new XAttribute("value", token)))));

    public static IResult Hangup() => Response(new XElement("Hangup"));

    /// <summary>A sentence in the carrier's own voice, then the end: never dead air.</summary>
    public static IResult Apologise(string sentence) => Results.Text(ApologyText(sentence), "text/xml");

    /// <inheritdoc cref="Apologise"/>
    public static string ApologyText(string sentence) => Document(new XElement("Say", sentence), new XElement("Hangup"));

    /// <summary>To a person; how that went is posted to <paramref name="actionUrl"/>.</summary>
    public static IResult Dial(string number, string actionUrl) => Response(
        new XElement("Say", "One moment, please. I connect you with a colleague."),
        new XElement("Dial", new XAttribute("action", actionUrl), new XAttribute("method", "POST"), number));

    /// <summary>A word instead of silence, a pause, and then the question again.</summary>
    public static IResult Hold(string askUrl) => Response(
        new XElement("Say", "Please hold the line for a moment."),
        new XElement("Pause", new XAttribute("length", HoldSeconds)),
        new XElement("Redirect", new XAttribute("method", "POST"), askUrl));

    public static IResult Reject() => Response(new XElement("Reject", new XAttribute("reason", "rejected")));

    private static IResult Response(params XElement[] verbs) => Results.Text(Document(verbs), "text/xml");

    private static string Document(params XElement[] verbs)
        => """<?xml version="1.0" encoding="UTF-8"?>""" + new XElement("Response", verbs).ToString(SaveOptions.DisableFormatting);
}
