using Kraliki.Contracts;
using Kraliki.Server.Sessions.Calls;

namespace Kraliki.Server.Sessions;

/// <content>Which AI provider has the call, and who stands in for it.</content>
internal sealed partial class SessionGrain
{
    public async Task<DeliveryOutcome> SwitchProviderAsync(ChangeProvider wish, Guid request)
    {
        if (await CurrentAsync() is not { } row)
        {
            return DeliveryOutcome.NoSuchSession;
        }

        return OwnerOf(row) is { } owner && await DeliverAsync(owner, row.Epoch, wish, request) ? DeliveryOutcome.Delivered : DeliveryOutcome.NoCall;
    }

    public async Task<ChangeOutcome> SetFailoverPolicyAsync(FailoverPolicy policy, string by, long? ifVersion, Guid request)
    {
        if (await CurrentAsync() is not { } row)
        {
            return new(ChangeResult.NoSuchSession, null);
        }

        if (SessionRules.IsOver(row.State))
        {
            return new(ChangeResult.SessionOver, row);
        }

        if (IsStale(row, ifVersion, request))
        {
            return new(ChangeResult.VersionConflict, row);
        }

        if (!row.Did(request))
        {
            var draft = new JournalDraft(row, row.Doing(request));
            draft.Add(new FailoverPolicyChanged(policy, by), time.GetUtcNow());
            await CommitAsync(draft);
            row = draft.Row;
        }

        if (_owner is { } owner)
        {
            // A call that cannot be reached reads it when it comes back.
            await DeliverAsync(owner, row.Epoch, new ApplyFailoverPolicy(policy));
        }

        return new(ChangeResult.Done, row);
    }
}
