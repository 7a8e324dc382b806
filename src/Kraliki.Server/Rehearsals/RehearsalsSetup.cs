namespace Kraliki.Server.Rehearsals;

public static class RehearsalsSetup
{
    public static void AddRehearsals(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<SimulatedCarrier>();
        builder.Services.AddSingleton<RehearsalScripts>();
        builder.Services.AddSingleton<RehearsalRunner>();
        builder.Services.AddHostedService(services => services.GetRequiredService<RehearsalRunner>());
    }
}
