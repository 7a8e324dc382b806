using Microsoft.JSInterop;

namespace Kraliki.OperatorConsole.Design;

/// <summary>Moves the keyboard's focus to an element by its id.</summary>
public static class Focus
{
    public static async Task FocusAsync(this IJSRuntime js, string id, CancellationToken cancellationToken)
    {
        await using var page = await js.InvokeAsync<IJSObjectReference>("import", cancellationToken, "./js/page.js");
        await page.InvokeVoidAsync("focus", cancellationToken, id);
    }
}
