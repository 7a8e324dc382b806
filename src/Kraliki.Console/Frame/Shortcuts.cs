using Kraliki.OperatorConsole.Text;
using Microsoft.JSInterop;

namespace Kraliki.OperatorConsole.Frame;

public enum ShortcutAction
{
    Listen,
    End,
    Tell,
    Provider,
    Practice,
    Next,
    Previous,
    Help,
}

/// <param name="Code">The key's place on the keyboard (<c>KeyboardEvent.code</c>), so that every layout works alike.</param>
/// <param name="Keys">As people read it.</param>
/// <param name="Single">Without Ctrl+Shift; does nothing while one types, and can be switched off (WCAG 2.1.4).</param>
public sealed record Shortcut(ShortcutAction Action, string Code, string Keys, Func<Words, string> Says, bool Single = false);

/// <summary>The one map of keyboard shortcuts, and who acts on them at present.</summary>
public sealed class Shortcuts(IJSRuntime js) : IAsyncDisposable
{
    private readonly Dictionary<ShortcutAction, Func<Task>> _actions = [];
    private DotNetObjectReference<Shortcuts>? _self;
    private IJSObjectReference? _page;

    /// <summary>Ctrl+Shift keeps clear of AltGr, screen readers and typing; letters that browsers keep for themselves are left out.</summary>
    public static IReadOnlyList<Shortcut> All { get; } =
    [
        new(ShortcutAction.Listen, "KeyL", "Ctrl Shift L", words => words.ShortcutListen),
        new(ShortcutAction.Tell, "KeyS", "Ctrl Shift S", words => words.ShortcutTell),
        new(ShortcutAction.Provider, "KeyF", "Ctrl Shift F", words => words.ShortcutProvider),
        new(ShortcutAction.End, "KeyE", "Ctrl Shift E", words => words.ShortcutEnd),
        new(ShortcutAction.Practice, "KeyD", "Ctrl Shift D", words => words.ShortcutPractice),
        new(ShortcutAction.Next, "ArrowDown", "Ctrl Shift ↓", words => words.ShortcutNext),
        new(ShortcutAction.Previous, "ArrowUp", "Ctrl Shift ↑", words => words.ShortcutPrevious),
        new(ShortcutAction.Help, "?", "?", words => words.ShortcutHelp, Single: true),
    ];

    public static string KeysOf(ShortcutAction action) => All.First(shortcut => shortcut.Action == action).Keys;

    public async Task StartAsync()
    {
        _self ??= DotNetObjectReference.Create(this);
        _page ??= await js.InvokeAsync<IJSObjectReference>("import", "./js/shortcuts.js");
        await _page.InvokeVoidAsync("start", _self, All.Where(shortcut => !shortcut.Single).Select(shortcut => shortcut.Code).ToArray());
    }

    public async Task<bool> SingleKeysAsync() => _page is not null && await _page.InvokeAsync<bool>("singleKeys");

    public async Task AllowSingleKeysAsync(bool allowed)
    {
        if (_page is not null)
        {
            await _page.InvokeVoidAsync("allowSingleKeys", allowed);
        }
    }

    /// <summary>From now on the key does this, until the returned registration is disposed.</summary>
    public IDisposable On(ShortcutAction action, Func<Task> act)
    {
        _actions[action] = act;
        return new Registration(this, action, act);
    }

    [JSInvokable]
    public async Task PressedAsync(string code)
    {
        if (All.FirstOrDefault(shortcut => shortcut.Code == code) is { } shortcut && _actions.TryGetValue(shortcut.Action, out var act))
        {
            await act();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_page is not null)
        {
            await _page.InvokeVoidAsync("stop");
            await _page.DisposeAsync();
        }

        _self?.Dispose();
    }

    private sealed class Registration(Shortcuts shortcuts, ShortcutAction action, Func<Task> act) : IDisposable
    {
        public void Dispose()
        {
            // Another component may have taken the key since.
            if (shortcuts._actions.TryGetValue(action, out var current) && current == act)
            {
                shortcuts._actions.Remove(action);
            }
        }
    }
}
