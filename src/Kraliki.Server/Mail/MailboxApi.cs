using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Mail;

/// <summary>
/// <c>/api/v1/mailbox</c>: everybody's mail in a demo without a mail server. Open to whoever can reach the demo, because its
/// mails are for people who cannot sign in yet; a demo that is published under an address has none.
/// </summary>
internal static class MailboxApi
{
    public static void MapMailbox(this IEndpointRouteBuilder routes)
    {
        var mailbox = routes.MapGroup("/api/v1/mailbox").WithTags("Demo").AllowAnonymous().AddEndpointFilter(InDemoOnlyAsync);
        mailbox.MapGet("", ListAsync).WithName("ListMails").WithSummary("The demo's mails, newest first")
            .Produces<Page<MailView>>().ProducesProblem(400).ProducesProblem(404);
        mailbox.MapGet("/{id:guid}", GetAsync).WithName("GetMail").WithSummary("One mail of the demo")
            .Produces<MailView>().ProducesProblem(404);
    }

    private static async ValueTask<object?> InDemoOnlyAsync(EndpointFilterInvocationContext call, EndpointFilterDelegate next) =>
        Outbox.IsMailbox(call.HttpContext.RequestServices.GetRequiredService<KralikiOptions>())
            ? await next(call)
            : Problems.NotFound("There is a mailbox in demo mode without a mail server and without a public address only.");

    private static async Task<IResult> ListAsync([AsParameters] Paging page, KralikiDbFactory databases, CancellationToken cancellationToken, [FromQuery(Name = "to")] string? to = null)
    {
        await using var db = databases.OpenForSystem();
        var mails = db.Set<OutgoingMail>().AsNoTracking();
        if (to?.Trim().ToLowerInvariant() is { Length: > 0 } address)
        {
            mails = mails.Where(mail => mail.To == address);
        }

        return await page.NewestFirstAsync(mails, mail => mail.Id, mail => mail.ToView(), cancellationToken);
    }

    private static async Task<IResult> GetAsync(Guid id, KralikiDbFactory databases, CancellationToken cancellationToken)
    {
        await using var db = databases.OpenForSystem();
        return await db.Set<OutgoingMail>().AsNoTracking().SingleOrDefaultAsync(mail => mail.Id == id, cancellationToken) is { } mail
            ? TypedResults.Ok(mail.ToView())
            : Problems.NotFound($"There is no mail {id}.");
    }
}
