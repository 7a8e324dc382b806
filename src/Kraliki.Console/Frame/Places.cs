using Kraliki.Contracts;
using Kraliki.OperatorConsole.Design;
using Kraliki.OperatorConsole.SignIn;
using Kraliki.OperatorConsole.Text;

namespace Kraliki.OperatorConsole.Frame;

/// <summary>A place of the console as the navigation offers it.</summary>
/// <param name="Permissions">Any of these opens it. None: open to everybody, signed in or not.</param>
/// <param name="Prefixes">First path segments of further pages that belong to it.</param>
/// <param name="IsMailbox">The demo's mailbox: where mail is really sent there is none.</param>
public sealed record Place(
    string Address, Func<Words, string> Title, string Glyph, IReadOnlyList<string> Permissions, IReadOnlyList<string> Prefixes, bool IsMailbox = false)
{
    public Place(string address, Func<Words, string> title, string glyph, string permission)
        : this(address, title, glyph, [permission], [])
    {
    }

    public bool IsFor(UserView? user, bool mailbox = false) => (mailbox || !IsMailbox) && (Permissions.Count == 0 || Permissions.Any(user.May));

    /// <summary>What <c>aria-current</c> says of a link to here while the page at <paramref name="path"/> is shown.</summary>
    public string? Current(string path) =>
        path == Address ? "page"
        : Prefixes.Any(prefix => path.StartsWith(prefix + "/", StringComparison.Ordinal)) ? "true"
        : null;
}

/// <summary>The one table of places; the routes themselves carry the same permissions as policies.</summary>
public static class Places
{
    public static IReadOnlyList<Place> Settings { get; } =
    [
        new("/settings/users", words => words.Users, Glyphs.People, Permissions.UsersRead),
        new("/settings/features", words => words.Features, Glyphs.Sliders, Permissions.FlagsRead),
        new("/settings/providers", words => words.Providers, Glyphs.Plug, Permissions.ProvidersManage),
        new("/settings/audit", words => words.AuditLog, Glyphs.Seal, Permissions.AuditRead),
    ];

    public static IReadOnlyList<Place> Main { get; } =
    [
        new("/", words => words.LiveDesk, Glyphs.Headset, [Permissions.SessionsRead], ["/calls", "/sessions"]),
        new("/assistants", words => words.Assistants, Glyphs.Bot, [Permissions.AssistantsRead], ["/assistants"]),
        new("/settings", words => words.Settings, Glyphs.Gear, [.. Settings.SelectMany(place => place.Permissions)], ["/settings"]),
        new("/mailbox", words => words.DemoMailbox, Glyphs.Mail, [], ["/mailbox"], IsMailbox: true),
    ];
}
