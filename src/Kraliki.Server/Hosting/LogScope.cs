using System.Collections;

namespace Kraliki.Server.Hosting;

/// <summary>One named value on every log line inside: <c>request_id</c>, <c>session_id</c>.</summary>
/// <example><code>using var scope = logger.BeginScope(new LogScope("session_id", id.ToString()));</code></example>
public sealed class LogScope(string name, string value) : IReadOnlyList<KeyValuePair<string, object?>>
{
    public int Count => 1;

    public KeyValuePair<string, object?> this[int index] => index == 0 ? new(name, value) : throw new ArgumentOutOfRangeException(nameof(index));

    public IEnumerator<KeyValuePair<string, object?>> GetEnumerator()
    {
        yield return this[0];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public override string ToString() => $"{name}:{value}";
}
