using System.Globalization;
using System.Xml;
using System.Xml.Linq;

namespace Kraliki.Simulators.Twilio;

/// <summary>The verbs that the simulated carrier carries out.</summary>
public abstract record TwimlVerb
{
    private TwimlVerb()
    {
    }

    /// <summary><c>&lt;Connect&gt;&lt;Stream&gt;</c>: lasts until the application closes the socket; then the action, or else the next verb.</summary>
    public sealed record ConnectStream(
        string Url, string? Name, string? Action, string? StatusCallback, IReadOnlyDictionary<string, string> Parameters) : TwimlVerb;

    public sealed record Say(string Text) : TwimlVerb;

    public sealed record Pause(TimeSpan Length) : TwimlVerb;

    public sealed record Redirect(string Url) : TwimlVerb;

    public sealed record Hangup : TwimlVerb;

    public sealed record Reject(string Reason) : TwimlVerb;
}

/// <summary>A TwiML document that was read, or what is wrong with it.</summary>
/// <param name="ErrorCode">Twilio's number for the problem; 0 without one.</param>
public sealed record TwimlDocument(IReadOnlyList<TwimlVerb> Verbs, int ErrorCode, string? Problem)
{
    // Twilio: 12100 "Document parse failure", 12200 "Schema validation warning".
    private const int ParseFailure = 12100;
    private const int SchemaFailure = 12200;

    public static TwimlDocument Read(string xml)
    {
        ArgumentNullException.ThrowIfNull(xml);
        XElement root;
        try
        {
            using var reader = XmlReader.Create(
                new StringReader(xml.TrimStart()), new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit, XmlResolver = null });
            root = XDocument.Load(reader).Root!;
        }
        catch (XmlException broken)
        {
            return Refused(ParseFailure, $"The TwiML is not XML: {broken.Message}");
        }
        if (root.Name.LocalName != "Response")
            return Refused(ParseFailure, $"The TwiML's root is <{root.Name.LocalName}>, not <Response>.");
        var verbs = new List<TwimlVerb>();
        foreach (var element in root.Elements())
        {
            var (verb, problem) = ReadVerb(element);
            if (verb is null)
                return Refused(SchemaFailure, problem!);
            verbs.Add(verb);
        }
        return new TwimlDocument(verbs, 0, null);
    }

    private static TwimlDocument Refused(int code, string problem) => new([], code, problem);

    private static (TwimlVerb? Verb, string? Problem) ReadVerb(XElement element)
    {
        var text = element.Value.Trim();
        switch (element.Name.LocalName)
        {
            case "Connect":
                return ReadConnect(element);
            case "Say":
                return text.Length > 0 ? (new TwimlVerb.Say(text), null) : (null, "<Say> has no text.");
            case "Pause":
                var length = (string?)element.Attribute("length") ?? "1";
                return int.TryParse(length, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
                    ? (new TwimlVerb.Pause(TimeSpan.FromSeconds(seconds)), null)
                    : (null, $"<Pause length=\"{length}\"> is no whole number of seconds.");
            case "Redirect":
                return text.Length > 0 ? (new TwimlVerb.Redirect(text), null) : (null, "<Redirect> has no URL.");
            case "Hangup":
                return (new TwimlVerb.Hangup(), null);
            case "Reject":
                var reason = (string?)element.Attribute("reason") ?? "rejected";
                return reason is "busy" or "rejected"
                    ? (new TwimlVerb.Reject(reason), null)
                    : (null, $"<Reject reason=\"{reason}\"> should be busy or rejected.");
            default:
                return (null, $"The simulator does not carry out <{element.Name.LocalName}>.");
        }
    }

    private static (TwimlVerb? Verb, string? Problem) ReadConnect(XElement connect)
    {
        if (connect.Elements().ToArray() is not [{ Name.LocalName: "Stream" } stream])
            return (null, "The simulator carries out <Connect> with exactly one <Stream>.");
        var url = (string?)stream.Attribute("url");
        if (!Uri.TryCreate(url, UriKind.Absolute, out var address) || address.Scheme is not ("ws" or "wss"))
            return (null, $"<Stream url=\"{url}\"> is no WebSocket address.");
        // Real Twilio takes wss alone; plain sockets are for applications on this machine.
        if (address.Scheme == "ws" && !address.IsLoopback)
            return (null, $"<Stream url=\"{url}\"> must be wss.");
        if (address.Query.Length > 0)
            return (null, "A <Stream> url takes no query string; use <Parameter>.");
        var parameters = new Dictionary<string, string>();
        foreach (var parameter in stream.Elements())
        {
            var (name, value) = ((string?)parameter.Attribute("name"), (string?)parameter.Attribute("value"));
            if (parameter.Name.LocalName != "Parameter" || name is null || value is null)
                return (null, "A <Stream> contains <Parameter name=\"…\" value=\"…\"/> only.");
            if (name.Length + value.Length > 500)
                return (null, $"<Parameter name=\"{name}\">: name and value are longer than 500 characters.");
            parameters[name] = value;
        }
        return (new TwimlVerb.ConnectStream(
            url!, (string?)stream.Attribute("name"), (string?)connect.Attribute("action"), (string?)stream.Attribute("statusCallback"), parameters), null);
    }
}
