using Kraliki.Server.Data;
using Kraliki.Server.Identity;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Telephony;

/// <summary>Which organisation the installation's carrier account, and so every call that comes in on it, belongs to: the first one.</summary>
internal sealed class CarrierOwner(KralikiDbFactory databases)
{
    private Guid? _first;

    /// <returns>Null while there is no organisation.</returns>
    public async ValueTask<Guid?> OrganisationAsync(CancellationToken cancellationToken)
    {
        if (_first is null)
        {
            await using var db = databases.OpenForSystem();
            _first = await db.Set<Organisation>().AsNoTracking()
                .OrderBy(organisation => organisation.CreatedAt)
                .Select(organisation => (Guid?)organisation.Id)
                .FirstOrDefaultAsync(cancellationToken);
        }

        return _first;
    }
}
