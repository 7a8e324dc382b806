using Kraliki.Server.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Kraliki.Server.Telephony;

/// <summary>A carrier's call and the session that it belongs to. A webhook that arrives twice finds the same session here.</summary>
public sealed class CarrierCall : IOwned
{
    /// <summary>The carrier's own id: Twilio's <c>CA…</c>.</summary>
    public required string CallSid { get; init; }

    /// <summary>The carrier's account that the call belongs to: whom to ask about it.</summary>
    public required string AccountSid { get; init; }

    public required Guid SessionId { get; init; }

    public required Guid OrganisationId { get; init; }

    /// <summary>The carrier's newest word on the call: ringing, in-progress, completed, busy, failed, no-answer, canceled.</summary>
    public required string Status { get; set; }

    public required DateTimeOffset CreatedAt { get; init; }

    internal static readonly string[] FinalStatuses = ["completed", "busy", "failed", "no-answer", "canceled"];

    internal static bool IsFinal(string status) => FinalStatuses.Contains(status);

    /// <summary>The call as it is known already, or else <paramref name="fresh"/>, now known. Two requests at once get the same one.</summary>
    internal static async Task<CarrierCall> FindOrAddAsync(KralikiDbFactory databases, CarrierCall fresh, CancellationToken cancellationToken)
    {
        if (await FindAsync(databases, fresh.CallSid, cancellationToken) is { } known)
        {
            return known;
        }

        try
        {
            await using var db = databases.OpenForSystem();
            db.Add(fresh);
            await db.SaveChangesAsync(cancellationToken);
            return fresh;
        }
        catch (DbUpdateException)
        {
            // Another request was faster, or else the database has a problem of its own.
            if (await FindAsync(databases, fresh.CallSid, cancellationToken) is { } faster)
            {
                return faster;
            }

            throw;
        }
    }

    internal static async Task<CarrierCall?> FindAsync(KralikiDbFactory databases, string callSid, CancellationToken cancellationToken)
    {
        await using var db = databases.OpenForSystem();
        return await db.Set<CarrierCall>().AsNoTracking().SingleOrDefaultAsync(call => call.CallSid == callSid, cancellationToken);
    }

    /// <summary>The newest call of a session.</summary>
    internal static async Task<CarrierCall?> OfSessionAsync(KralikiDbFactory databases, Guid session, CancellationToken cancellationToken)
    {
        await using var db = databases.OpenForSystem();
        return await db.Set<CarrierCall>().AsNoTracking().Where(call => call.SessionId == session).OrderByDescending(call => call.CreatedAt).FirstOrDefaultAsync(cancellationToken);
    }

    private sealed class Mapping : IEntityTypeConfiguration<CarrierCall>
    {
        public void Configure(EntityTypeBuilder<CarrierCall> builder)
        {
            builder.ToTable("carrier_calls");
            builder.HasKey(call => call.CallSid);
            builder.HasIndex(call => call.SessionId);
            builder.Property(call => call.CallSid).HasMaxLength(64);
            builder.Property(call => call.AccountSid).HasMaxLength(64);
            builder.Property(call => call.Status).HasMaxLength(32);
        }
    }
}
