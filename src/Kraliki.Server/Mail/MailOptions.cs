using System.Net;
using Kraliki.Server.Hosting;

namespace Kraliki.Server.Mail;

/// <summary>How the way to the mail server is protected.</summary>
public enum MailTls
{
    /// <summary>Begins in clear and must turn to TLS before anything of value is said.</summary>
    StartTls,

    /// <summary>TLS from the first byte.</summary>
    Tls,

    /// <summary>In clear; to this machine only.</summary>
    None,
}

/// <summary>Settings under <c>Kraliki:Mail</c>; absent as a whole when no host is set.</summary>
/// <param name="User">Null: the server asks for no sign-in.</param>
/// <param name="From">The sender's address.</param>
public sealed record MailOptions(string Host, int Port, string? User, Secret? Password, string From, MailTls Tls)
{
    internal static MailOptions? Read(ConfigurationReader reader)
    {
        var host = reader.Text("Mail:Host");
        var user = reader.Text("Mail:User");
        var password = reader.Secret("Mail:Password");
        var from = reader.Text("Mail:From");
        var tls = reader.Choice<MailTls>("Mail:Tls") ?? MailTls.StartTls;
        var port = reader.Number("Mail:Port", 1, 65535)
            ?? tls switch { MailTls.StartTls => 587, MailTls.Tls => 465, _ => 25 };
        if (host is null)
        {
            if (user is not null || password is not null || from is not null)
            {
                reader.Complain("Mail:Host", "", "must be set together with the other settings of Mail");
            }

            return null;
        }

        if (from is null || !EmailAddress.IsValid(from))
        {
            reader.Complain("Mail:From", from ?? "", "must be the address that mails come from, such as kraliki@example.org");
        }

        if (user is null != password is null)
        {
            reader.Complain(user is null ? "Mail:User" : "Mail:Password", "", "must be set together with " + (user is null ? "Mail:Password" : "Mail:User"));
        }

        if (tls == MailTls.None && !IsThisMachine(host))
        {
            reader.Complain("Mail:Tls", "none", "mails hold links that open accounts: none is possible to this machine only, use starttls or tls");
        }

        return new(host, port, user, password, from ?? "", tls);
    }

    private static bool IsThisMachine(string host) => host == "localhost" || (IPAddress.TryParse(host, out var ip) && IPAddress.IsLoopback(ip));
}
