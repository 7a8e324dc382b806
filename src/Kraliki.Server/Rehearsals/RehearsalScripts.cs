using Kraliki.Simulators.Callers;

namespace Kraliki.Server.Rehearsals;

/// <summary>The caller scripts that rehearsals know by name: those that we ship, and any that the process was started with. Safe from any thread.</summary>
/// <remarks>Whoever may run rehearsals names a script and never a path, which would read files of the server.</remarks>
internal sealed class RehearsalScripts
{
    private readonly Lock _adding = new();
    private volatile IReadOnlyList<CallerScript> _all = CallerScripts.All;

    /// <summary>The default script first.</summary>
    public IReadOnlyList<CallerScript> All => _all;

    public CallerScript? Find(string name) => _all.FirstOrDefault(script => script.Name == name);

    /// <summary>From now on this script is known, in place of one with the same name.</summary>
    public void Add(CallerScript script)
    {
        lock (_adding)
        {
            _all = [.. _all.Where(known => known.Name != script.Name), script];
        }
    }
}
