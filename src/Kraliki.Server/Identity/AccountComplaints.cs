using System.Text.RegularExpressions;
using Kraliki.Server.Hosting;
using Kraliki.Server.Mail;

namespace Kraliki.Server.Identity;

/// <summary>What is wrong with the fields that people fill in for an account; all of it at once.</summary>
internal sealed partial class AccountComplaints
{
    private const int LongestName = 200;

    private readonly Dictionary<string, string[]> _errors = [];

    public bool Any => _errors.Count > 0;

    public AccountComplaints Name(string field, string name)
    {
        var trimmed = name.Trim();
        if (trimmed.Length is 0 or > LongestName || trimmed.Any(char.IsControl))
        {
            _errors[field] = [$"{field} must have 1 to {LongestName} characters, on one line."];
        }
        else if (WebAddress().IsMatch(trimmed))
        {
            // Names stand in the mails that we send: nobody shall advertise a page in them, or lure to it.
            _errors[field] = [$"{field} must not contain a web address."];
        }

        return this;
    }

    public AccountComplaints Email(string field, string email)
    {
        if (!EmailAddress.IsValid(email.Trim()))
        {
            _errors[field] = [$"{field} {EmailAddress.Rule}."];
        }

        return this;
    }

    /// <param name="own">What belongs to the person and is therefore guessed first: address, name, organisation.</param>
    public AccountComplaints Password(string field, string password, params IEnumerable<string?> own)
    {
        if (PasswordRules.Complaint(password, own.OfType<string>()) is { } complaint)
        {
            _errors[field] = [$"{field} {complaint}"];
        }

        return this;
    }

    public IResult Refusal() => Problems.Invalid(_errors);

    [GeneratedRegex(@"://|www\.|\p{L}\.\p{L}\S*/", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex WebAddress();
}
