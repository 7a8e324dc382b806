using Kraliki.Server.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Kraliki.Server.Telephony;

/// <summary>A carrier's call and the session that it belongs to. A webhook that arrives twice finds the same session here.</summary>
public sealed class CarrierCall : IOwned
{
    /// <summary>The carrier's own id: Twilio's <c>CA…</c>.</summary>
    public required string CallSid { get; init; }

    public required Guid SessionId { get; init; }

    public required Guid OrganisationId { get; init; }

    /// <summary>The carrier's newest word on the call: ringing, in-progress, completed, busy, failed, no-answer, canceled.</summary>
    public required string Status { get; set; }

    public required DateTimeOffset CreatedAt { get; init; }

    private sealed class Mapping : IEntityTypeConfiguration<CarrierCall>
    {
        public void Configure(EntityTypeBuilder<CarrierCall> builder)
        {
            builder.ToTable("carrier_calls");
            builder.HasKey(call => call.CallSid);
            builder.HasIndex(call => call.SessionId);
            builder.Property(call => call.CallSid).HasMaxLength(64);
            builder.Property(call => call.Status).HasMaxLength(32);
        }
    }
}
