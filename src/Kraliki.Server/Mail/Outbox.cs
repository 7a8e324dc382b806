using System.Threading.Channels;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;

namespace Kraliki.Server.Mail;

/// <summary>The words of a mail, plain text.</summary>
public sealed record MailText(string Subject, string Text);

/// <summary>
/// Where features leave mails. A mail is a row, saved in the same transaction as the act that it tells of: there is no mail
/// of something that did not happen, and no act whose mail was lost. Safe from any thread.
/// </summary>
internal sealed class Outbox(KralikiOptions options, TimeProvider time)
{
    // One sign is enough, however many mails came: the sender looks into the table.
    private readonly Channel<bool> _news = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>
    /// A demo without a mail server keeps its mails for the console to show; unless it is published under an address, where
    /// strangers would read them.
    /// </summary>
    public static bool IsMailbox(KralikiOptions options) => options is { Demo: true, Mail: null, PublicUrl: null or { IsLoopback: true } };

    /// <summary>Adds the mail, which exists once the caller has saved; <see cref="Announce"/> then spares it the wait for the sender's next round.</summary>
    /// <param name="organisation">Whose act it is.</param>
    public void Add(KralikiDb db, Guid organisation, string to, MailText mail)
    {
        var now = time.GetUtcNow();
        var delivered = IsMailbox(options);
        db.Add(new OutgoingMail
        {
            Id = Guid.CreateVersion7(now),
            OrganisationId = organisation,
            To = to,
            Subject = mail.Subject,
            Text = mail.Text,
            CreatedAt = now,
            NextTryAt = delivered ? null : now,
            SentAt = delivered ? now : null,
        });
    }

    /// <summary>There may be mails to send.</summary>
    public void Announce() => _news.Writer.TryWrite(true);

    /// <summary>Comes back at the next <see cref="Announce"/>, or after <paramref name="longest"/>: another node's mails, and those to try again, announce nothing.</summary>
    public async Task WaitAsync(TimeSpan longest, CancellationToken cancellationToken)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await Task.WhenAny(_news.Reader.WaitToReadAsync(over.Token).AsTask(), Task.Delay(longest, time, over.Token));
        await over.CancelAsync();
        _news.Reader.TryRead(out _);
        cancellationToken.ThrowIfCancellationRequested();
    }
}
