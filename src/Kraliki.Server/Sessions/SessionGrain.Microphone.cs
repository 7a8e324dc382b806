using Kraliki.Contracts;

namespace Kraliki.Server.Sessions;

/// <summary>Who holds the operator's microphone: at most one browser tab of one person.</summary>
internal sealed partial class SessionGrain
{
    private readonly MicrophoneLease _lease = new(limits, time);

    public async Task<ChangeOutcome> TakeMicrophoneAsync(string user, string clientId, bool takeOver, long? ifVersion)
    {
        if (await CurrentAsync() is not { } row)
        {
            return new(ChangeResult.NoSuchSession, null);
        }

        if (SessionRules.IsOver(row.State))
        {
            return new(ChangeResult.SessionOver, row);
        }

        var holder = row.Microphone;
        if (holder?.User == user && holder.ClientId == clientId)
        {
            _lease.Renew();
            return new(ChangeResult.Done, row);
        }

        if (holder is not null && !takeOver)
        {
            return new(ChangeResult.MicrophoneHeld, row);
        }

        if (ifVersion is { } version && version != row.Version)
        {
            return new(ChangeResult.VersionConflict, row);
        }

        var draft = new JournalDraft(row, row);
        draft.Add(new MicrophoneTaken(user, clientId, holder is null ? null : holder with { Since = null }), time.GetUtcNow());
        await CommitAsync(draft);
        _lease.Renew();
        return new(ChangeResult.Done, draft.Row);
    }

    public async Task<ChangeOutcome> ReleaseMicrophoneAsync(string user, string? clientId)
    {
        if (await CurrentAsync() is not { } row)
        {
            return new(ChangeResult.NoSuchSession, null);
        }

        if (row.Microphone is not { } holder)
        {
            return new(ChangeResult.Done, row);
        }

        if (holder.User != user || (clientId is not null && holder.ClientId != clientId))
        {
            return new(ChangeResult.MicrophoneHeld, row);
        }

        await ReleaseAsync(holder, user);
        return new(ChangeResult.Done, _row);
    }

    public async Task TendMicrophoneAsync(string user, string clientId, bool here)
    {
        // The node read the row a moment ago: by now the microphone may be somebody else's.
        if (await CurrentAsync() is { Microphone: { } holder } && holder.User == user && holder.ClientId == clientId && _lease.HasRunOut(here))
        {
            await ReleaseAsync(holder, "server");
        }
    }

    private Task ReleaseAsync(MicrophoneHolder holder, string by)
    {
        var draft = new JournalDraft(_row, _row!);
        draft.Add(new MicrophoneReleased(holder.User, holder.ClientId, by), time.GetUtcNow());
        return CommitAsync(draft);
    }
}
