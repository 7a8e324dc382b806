using System.Security.Cryptography;
using System.Text;

namespace Kraliki.Simulators.Twilio;

/// <summary><c>X-Twilio-Signature</c>: base64 of HMAC-SHA1 with the auth token (twilio.com/docs/usage/security).</summary>
public static class TwilioSignature
{
    /// <param name="url">Exactly as configured, query included; the fragment is never sent and never signed.</param>
    /// <param name="fields">Form fields of a POST; none for GET and for WebSocket upgrades.</param>
    public static string Sign(string authToken, string url, IEnumerable<KeyValuePair<string, string>> fields)
    {
        ArgumentNullException.ThrowIfNull(url);
        var data = new StringBuilder(url.Split('#', 2)[0]);
        // The official SDK removes repeated values of one name, sorts what is left, and appends name + value for each.
        foreach (var field in fields.Distinct().OrderBy(field => field.Key, StringComparer.Ordinal).ThenBy(field => field.Value, StringComparer.Ordinal))
            data.Append(field.Key).Append(field.Value);
#pragma warning disable CA5350 // The protocol prescribes SHA-1.
        return Convert.ToBase64String(HMACSHA1.HashData(Encoding.UTF8.GetBytes(authToken), Encoding.UTF8.GetBytes(data.ToString())));
#pragma warning restore CA5350
    }
}
