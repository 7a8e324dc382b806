using System.Collections;

namespace Kraliki.Server.Hosting;

/// <summary>Named values on every log line inside: <c>request_id</c>, <c>trace_id</c>, <c>session_id</c>.</summary>
/// <example><code>using var scope = logger.BeginScope(new LogScope("session_id", id.ToString()));</code></example>
public sealed class LogScope(params (string Name, string? Value)[] values) : IReadOnlyList<KeyValuePair<string, object?>>
{
    private readonly KeyValuePair<string, object?>[] _values =
        [.. values.Where(value => value.Value is not null).Select(value => KeyValuePair.Create(value.Name, (object?)value.Value))];

    public LogScope(string name, string value)
        : this((name, value))
    {
    }

    public int Count => _values.Length;

    public KeyValuePair<string, object?> this[int index] => _values[index];

    public IEnumerator<KeyValuePair<string, object?>> GetEnumerator() => _values.AsEnumerable().GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public override string ToString() => string.Join(' ', _values.Select(value => $"{value.Key}:{value.Value}"));
}
