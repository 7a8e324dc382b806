using Kraliki.Client;
using Kraliki.Contracts;
using Kraliki.OperatorConsole;
using Kraliki.OperatorConsole.Frame;
using Kraliki.OperatorConsole.SignIn;
using Kraliki.OperatorConsole.Text;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Components.Web;
using Microsoft.AspNetCore.Components.WebAssembly.Hosting;
using MudBlazor;
using MudBlazor.Services;

var builder = WebAssemblyHostBuilder.CreateDefault(args);
builder.RootComponents.Add<App>("#app");
builder.RootComponents.Add<HeadOutlet>("head::after");

var services = builder.Services;
services.AddSingleton(TimeProvider.System);
services.AddSingleton(new Words());
services.AddSingleton(_ => new HttpClient { BaseAddress = new Uri(builder.HostEnvironment.BaseAddress) });
services.AddSingleton(provider => new KralikiClient(provider.GetRequiredService<HttpClient>(), provider.GetRequiredService<TimeProvider>()));

services.AddAuthorizationCore(options =>
{
    foreach (var permission in Permissions.All)
    {
        options.AddPolicy(permission, policy => policy.RequireClaim(Rights.Claim, permission));
    }
});
services.AddSingleton<Tabs>();
services.AddSingleton<SignInState>();
services.AddSingleton<AuthenticationStateProvider>(provider => provider.GetRequiredService<SignInState>());

services.AddSingleton<Reachability>();
services.AddSingleton<ConsoleFacts>();
services.AddSingleton<ErrorReports>();
services.AddScoped<Shortcuts>();
services.AddMudServices(options =>
{
    options.SnackbarConfiguration.PositionClass = Defaults.Classes.Position.BottomCenter;
    options.SnackbarConfiguration.ShowCloseIcon = true;
});

var host = builder.Build();
await host.Services.GetRequiredService<Tabs>().StartAsync();
await host.RunAsync();
