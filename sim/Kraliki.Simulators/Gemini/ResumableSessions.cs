using System.Security.Cryptography;

namespace Kraliki.Simulators.Gemini;

/// <summary>What a handle brings back. Safe from any thread.</summary>
internal sealed class ResumableSessions
{
    // The service forgets after hours; here the oldest goes when many came after it.
    private const int Capacity = 2_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, IReadOnlyList<MemoryLine>> _memories = [];
    private readonly Queue<string> _oldest = new();

    public string Keep(IReadOnlyList<MemoryLine> memory)
    {
        var handle = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        lock (_gate)
        {
            _memories[handle] = memory;
            _oldest.Enqueue(handle);
            if (_oldest.Count > Capacity)
                _memories.Remove(_oldest.Dequeue());
        }

        return handle;
    }

    public IReadOnlyList<MemoryLine>? Find(string handle)
    {
        lock (_gate)
            return _memories.GetValueOrDefault(handle);
    }
}
