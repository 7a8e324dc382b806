using System.Net;
using Kraliki.Client;
using Microsoft.AspNetCore.Components;

namespace Kraliki.OperatorConsole.SignIn;

/// <summary>A page that a mail's link opens. The link's token leaves the address bar, and so the history and any screenshot, at once.</summary>
public abstract class MailLinkPage : ComponentBase, IDisposable
{
    private readonly CancellationTokenSource _leaving = new();

    [SupplyParameterFromQuery]
    public string? Token { get; set; }

    [Inject]
    protected NavigationManager Navigation { get; set; } = null!;

    /// <summary>Null when the link was cut off, or the page was loaded again.</summary>
    protected string? Secret { get; private set; }

    protected CancellationToken Leaving => _leaving.Token;

    /// <summary>The link opens nothing any more, and trying again will not help.</summary>
    protected static bool IsDead(KralikiException fault) => fault.Status is HttpStatusCode.Gone;

    public void Dispose()
    {
        _leaving.Cancel();
        _leaving.Dispose();
        GC.SuppressFinalize(this);
    }

    protected override void OnInitialized()
    {
        if (!string.IsNullOrWhiteSpace(Token))
        {
            Secret = Token;
            Navigation.NavigateTo(new Uri(Navigation.Uri).AbsolutePath, replace: true);
        }
    }
}
