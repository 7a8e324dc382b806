using Kraliki.Server.Hosting;

namespace Kraliki.Server.Providers;

/// <summary>Says once, at the start, what will soon be wrong with the configured models.</summary>
internal sealed partial class ModelNotices(KralikiOptions options, VoiceProviders providers, TimeProvider time, ILogger<ModelNotices> log) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (string notice in ModelEnds.Of(options.Providers, DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime)))
        {
            LogModelEnds(notice);
        }

        foreach (var (provider, model) in providers.All()
            .Where(view => view is { Simulated: false, Unavailable: null, Model: not null })
            .SelectMany(view => view.Model!.Split(", ").Select(model => (view.Name, model))))
        {
            // The models of a segmented provider are several: its own, and the language model.
            if (!options.Prices.Covers(provider, model) && !options.Prices.Covers("llm", model))
            {
                LogNoPrice(provider, model);
            }
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
