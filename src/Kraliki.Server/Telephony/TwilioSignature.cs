using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Primitives;

namespace Kraliki.Server.Telephony;

/// <summary><c>X-Twilio-Signature</c> of form posts: HMAC-SHA1 over the exact public URL and every field, sorted by name.</summary>
/// <remarks>Twilio, "Webhooks security"; what we rely on is in docs/protocols/twilio.md.</remarks>
internal static class TwilioSignature
{
    /// <param name="url">Scheme, host, path and query as Twilio knows it, with or without the port.</param>
    public static bool IsValid(string authToken, string url, IEnumerable<KeyValuePair<string, StringValues>> form, string? signature)
    {
        if (string.IsNullOrEmpty(signature))
        {
            return false;
        }

        var fields = new StringBuilder();
        foreach (var (name, values) in form.OrderBy(field => field.Key, StringComparer.Ordinal))
        {
            // A repeated field counts each different value once, in order.
            foreach (string? value in values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
            {
                fields.Append(name).Append(value);
            }
        }

        // Twilio signs some URLs with the port and some without; its own SDKs accept both.
        return Spellings(url).Any(spelling => CryptographicOperations.FixedTimeEquals(
            Encoding.ASCII.GetBytes(Sign(authToken, spelling + fields)), Encoding.ASCII.GetBytes(signature)));
    }

    private static string Sign(string authToken, string data)
        => Convert.ToBase64String(HMACSHA1.HashData(Encoding.UTF8.GetBytes(authToken), Encoding.UTF8.GetBytes(data)));

    private static IEnumerable<string> Spellings(string url)
    {
        yield return url;
        var uri = new Uri(url);
        string rest = url[(url.IndexOf(uri.Authority, StringComparison.OrdinalIgnoreCase) + uri.Authority.Length)..];
        yield return uri.IsDefaultPort ? $"{uri.Scheme}://{uri.Host}:{uri.Port}{rest}" : $"{uri.Scheme}://{uri.Host}{rest}";
    }
}
