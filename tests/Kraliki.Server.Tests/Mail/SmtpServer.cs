using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading.Channels;

namespace Kraliki.Server.Tests.Mail;

/// <summary>A mail that the server below has taken.</summary>
/// <param name="Data">Headers and body as they came over the wire.</param>
internal sealed record TakenMail(string From, string To, string Data);

/// <summary>A small mail server on a free port of this machine: one conversation after the other, commands of RFC 5321.</summary>
internal sealed class SmtpServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, port: 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Channel<TakenMail> _taken = Channel.CreateUnbounded<TakenMail>();
    private readonly Channel<string> _recipients = Channel.CreateUnbounded<string>();
    private readonly Task _serving;

    /// <param name="answerTo">The answer to RCPT TO, by the recipient: <c>250 OK</c>, <c>450 later</c>, <c>550 never</c>.</param>
    public SmtpServer(Func<string, string>? answerTo = null)
    {
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _serving = ServeAsync(answerTo ?? (_ => "250 OK"), _stop.Token);
    }

    public int Port { get; }

    /// <summary>The next mail that arrives.</summary>
    public async Task<TakenMail> NextAsync(CancellationToken cancellationToken) => await _taken.Reader.ReadAsync(cancellationToken);

    /// <summary>The next recipient that was offered, taken or not.</summary>
    public async Task<string> NextRecipientAsync(CancellationToken cancellationToken) => await _recipients.Reader.ReadAsync(cancellationToken);

    public bool IsEmpty => _taken.Reader.Count == 0;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _serving;
        _stop.Dispose();
    }

    private async Task ServeAsync(Func<string, string> answerTo, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                using var client = await _listener.AcceptTcpClientAsync(cancellationToken);
                await TalkAsync(client.GetStream(), answerTo, cancellationToken);
            }
        }
        catch (OperationCanceledException)
        {
            // The test is over.
        }
    }

    private async Task TalkAsync(NetworkStream stream, Func<string, string> answerTo, CancellationToken cancellationToken)
    {
        using var reader = new StreamReader(stream, Encoding.UTF8);
        await using var writer = new StreamWriter(stream) { NewLine = "\r\n", AutoFlush = true };
        var (from, to) = ("", "");
        await writer.WriteLineAsync("220 mail.example ESMTP");
        while (await reader.ReadLineAsync(cancellationToken) is { } line)
        {
            var verb = line.Split(' ', ':')[0].ToUpperInvariant();
            switch (verb)
            {
                case "MAIL":
                    from = Between(line);
                    await writer.WriteLineAsync("250 OK");
                    break;
                case "RCPT":
                    to = Between(line);
                    _recipients.Writer.TryWrite(to);
                    await writer.WriteLineAsync(answerTo(to));
                    break;
                case "DATA":
                    await writer.WriteLineAsync("354 go on");
                    var data = new StringBuilder();
                    while (await reader.ReadLineAsync(cancellationToken) is { } text && text != ".")
                    {
                        data.AppendLine(text);
                    }

                    _taken.Writer.TryWrite(new(from, to, data.ToString()));
                    await writer.WriteLineAsync("250 taken");
                    break;
                case "QUIT":
                    await writer.WriteLineAsync("221 bye");
                    return;
                default:
                    await writer.WriteLineAsync("250 OK");
                    break;
            }
        }
    }

    private static string Between(string line) => line[(line.IndexOf('<') + 1)..line.IndexOf('>')];
}
