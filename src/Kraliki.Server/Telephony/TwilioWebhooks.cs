using Kraliki.Contracts;
using Kraliki.Server.Hosting;
using Kraliki.Server.Identity;
using Kraliki.Server.Operations;
using Kraliki.Server.Operations.Flags;

namespace Kraliki.Server.Telephony;

/// <summary>Lets a webhook in, or refuses it with a status and an audit line and nothing else.</summary>
/// <remarks>Scoped to one request. More layers (rate, source address, time stamp) belong here, in front of the signature.</remarks>
internal sealed class TwilioWebhooks(TwilioAccounts accounts, FeatureFlags flags, PublicUrls urls, Refusals refusals)
{
    private const int MaxFields = 100;

    // Set when the request is let in unsigned: the organisation that has decided so, and the only one it may touch.
    private Guid? _unsignedFor;

    /// <summary>What to answer when <see cref="ReadAsync"/> gave null.</summary>
    public IResult Refusal { get; private set; } = Results.StatusCode(StatusCodes.Status403Forbidden);

    /// <summary>Whether what was let in may touch this organisation: a signed request is the carrier's own word, an unsigned one only concerns who accepts such.</summary>
    public bool Covers(Guid organisation) => _unsignedFor is null || _unsignedFor == organisation;

    /// <returns>The fields; null when the request was refused.</returns>
    public async Task<IFormCollection?> ReadAsync(HttpContext http, CancellationToken cancellationToken)
    {
        if (!http.Request.HasFormContentType)
        {
            await RefuseAsync(StatusCodes.Status400BadRequest, AuditActions.WebhookMalformed, "not a form");
            return null;
        }

        IFormCollection form;
        try
        {
            form = await http.Request.ReadFormAsync(cancellationToken);
        }
        catch (Exception e) when (e is InvalidDataException or BadHttpRequestException)
        {
            await RefuseAsync(StatusCodes.Status400BadRequest, AuditActions.WebhookMalformed, "an unreadable form");
            return null;
        }

        if (accounts.Find(form["AccountSid"]) is not { } account)
        {
            await RefuseAsync(StatusCodes.Status403Forbidden, AuditActions.WebhookRefused, "an account that is not ours");
            return null;
        }

        // Twilio signs the URL that it was given, which is the public one whatever a proxy made of it.
        string url = urls.FixedHttp(http.Request.Path + http.Request.QueryString);
        if (!TwilioSignature.IsValid(account.AuthToken, url, form, http.Request.Headers["X-Twilio-Signature"]))
        {
            if (flags.IsEnabled(FirstAccounts.OrganisationId, Flag.WebhookValidation))
            {
                await RefuseAsync(StatusCodes.Status403Forbidden, AuditActions.WebhookRefused, "a wrong or missing signature");
                return null;
            }

            _unsignedFor = FirstAccounts.OrganisationId;
            await refusals.NoteAsync(
                AuditActions.WebhookUnverified,
                http.Request.Path,
                "Let in a Twilio webhook with a wrong or missing signature: enable_webhook_validation is off.",
                "carrier",
                http.Connection.RemoteIpAddress,
                _unsignedFor);
        }

        if (form.Count > MaxFields || form["CallSid"].ToString() is not { Length: > 0 and <= 64 })
        {
            await RefuseAsync(StatusCodes.Status400BadRequest, AuditActions.WebhookMalformed, "no CallSid, or too many fields");
            return null;
        }

        return form;

        Task RefuseAsync(int status, string action, string why)
        {
            Refusal = Results.StatusCode(status);
            return refusals.NoteAsync(action, http.Request.Path, $"Refused a Twilio webhook with {why}.", "carrier", http.Connection.RemoteIpAddress);
        }
    }
}
