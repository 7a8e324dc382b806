using Kraliki.Client;
using Kraliki.Contracts;

namespace Kraliki.OperatorConsole.Frame;

/// <summary>A list that grows page by page. Only the newest question counts: an answer to an older one is dropped.</summary>
/// <remarks>One thread: the browser's.</remarks>
/// <param name="ask">Fetches the page at a cursor, null for the first, under the filter that holds at that moment.</param>
public sealed class Paged<T>(Func<string?, CancellationToken, Task<Page<T>>> ask) : IDisposable
{
    private readonly List<T> _items = [];
    private CancellationTokenSource _asking = new();
    private string? _next;

    public IReadOnlyList<T> Items => _items;

    /// <summary>An answer came at least once; what is shown may be older than the filter while <see cref="Busy"/>.</summary>
    public bool Loaded { get; private set; }

    public bool Busy { get; private set; }

    public bool HasMore => _next is not null;

    /// <summary>Why the last question has no answer; null when it has.</summary>
    public KralikiException? Fault { get; private set; }

    /// <summary>Asks for the first page anew.</summary>
    public Task ReloadAsync() => AskAsync(null);

    /// <summary>Adds the next page.</summary>
    public Task MoreAsync() => _next is { } next ? AskAsync(next) : Task.CompletedTask;

    /// <summary>Shows an item as it has become, in the place of the one that it replaces.</summary>
    public void Replace(Predicate<T> which, T with)
    {
        if (_items.FindIndex(which) is >= 0 and var index)
        {
            _items[index] = with;
        }
    }

    public void Remove(Predicate<T> which) => _items.RemoveAll(which);

    public void Dispose()
    {
        _asking.Cancel();
        _asking.Dispose();
    }

    private async Task AskAsync(string? cursor)
    {
        await _asking.CancelAsync();
        _asking.Dispose();
        var asking = _asking = new();
        Busy = true;
        try
        {
            var page = await ask(cursor, asking.Token);
            if (asking == _asking)
            {
                if (cursor is null)
                {
                    _items.Clear();
                }

                _items.AddRange(page.Items);
                _next = page.NextCursor;
                Loaded = true;
                Fault = null;
                Busy = false;
            }
        }
        catch (KralikiException fault)
        {
            if (asking == _asking)
            {
                Fault = fault;
                Busy = false;
            }
        }
        catch (OperationCanceledException)
        {
            // A newer question is on its way, or the page was left.
        }
    }
}
