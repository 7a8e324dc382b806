using System.Net.Sockets;
using MailKit;
using MailKit.Net.Smtp;
using MailKit.Security;
using MimeKit;
using MimeKit.Text;

namespace Kraliki.Server.Mail;

/// <summary>How the try to send a mail ended.</summary>
internal enum SendOutcome
{
    Sent,

    /// <summary>The mail server says that it will never take this mail.</summary>
    Refused,

    /// <summary>The mail server does not take this mail now; the next one may fare better.</summary>
    Deferred,

    /// <summary>The mail server takes no mail now; the next one would fare no better.</summary>
    Unreachable,
}

/// <param name="Reason">For the log: no addresses, no text of the mail.</param>
internal sealed record SendResult(SendOutcome Outcome, string? Reason = null);

/// <summary>A conversation with the configured mail server (SMTP, RFC 5321) for one round of mails. One user at a time.</summary>
internal sealed class MailServer(MailOptions options) : IDisposable
{
    // Well under the sender's claim on a mail, which must not end while the mail is still on its way.
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    private readonly SmtpClient _client = new() { Timeout = (int)Timeout.TotalMilliseconds };

    public async Task<SendResult> SendAsync(OutgoingMail mail, CancellationToken cancellationToken)
    {
        try
        {
            await ConnectAsync(cancellationToken);
            await _client.SendAsync(Message(mail), cancellationToken);
            return new(SendOutcome.Sent);
        }
        catch (SmtpCommandException refused)
            when (refused.ErrorCode is SmtpErrorCode.RecipientNotAccepted or SmtpErrorCode.MessageNotAccepted && refused.StatusCode != SmtpStatusCode.ServiceNotAvailable)
        {
            // RFC 5321 §4.2.1: 5yz means that the same command will be refused again, 4yz that it may be taken later. 421 is
            // the server's goodbye and not about this mail.
            return new((int)refused.StatusCode >= 500 ? SendOutcome.Refused : SendOutcome.Deferred, $"{refused.ErrorCode} {(int)refused.StatusCode}");
        }
        catch (Exception problem) when (problem is CommandException or ProtocolException or AuthenticationException or SslHandshakeException
            or IOException or SocketException or TimeoutException or NotSupportedException)
        {
            return new(SendOutcome.Unreachable, problem is SmtpCommandException answer ? $"{answer.ErrorCode} {(int)answer.StatusCode}" : problem.GetType().Name);
        }
    }

    public async Task CloseAsync(CancellationToken cancellationToken)
    {
        if (_client.IsConnected)
        {
            await _client.DisconnectAsync(quit: true, cancellationToken);
        }
    }

    public void Dispose() => _client.Dispose();

    private async Task ConnectAsync(CancellationToken cancellationToken)
    {
        if (_client.IsConnected)
        {
            return;
        }

        // StartTls, not StartTlsWhenAvailable: somebody in between must not talk us out of it.
        var security = options.Tls switch
        {
            MailTls.StartTls => SecureSocketOptions.StartTls,
            MailTls.Tls => SecureSocketOptions.SslOnConnect,
            _ => SecureSocketOptions.None,
        };
        await _client.ConnectAsync(options.Host, options.Port, security, cancellationToken);
        if (options is { User: { } user, Password: { } password })
        {
            await _client.AuthenticateAsync(user, password.Reveal(), cancellationToken);
        }
    }

    private MimeMessage Message(OutgoingMail mail)
    {
        var message = new MimeMessage
        {
            // The same at every try, so that a mailbox that got it twice shows it once.
            MessageId = $"{mail.Id}@{options.From.Split('@')[1]}",
            Date = mail.CreatedAt,
            Subject = mail.Subject,
            Body = new TextPart(TextFormat.Plain) { Text = mail.Text ?? throw new InvalidOperationException("A mail that waits to be sent has no text.") },
        };
        message.From.Add(new MailboxAddress("Kraliki", options.From));
        message.To.Add(new MailboxAddress(name: null, mail.To));

        // RFC 3834: holiday replies to this would only bounce.
        message.Headers.Add("Auto-Submitted", "auto-generated");
        return message;
    }
}
