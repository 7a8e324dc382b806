using System.Diagnostics.Metrics;
using Kraliki.Server.Hosting;
using StackExchange.Redis;

namespace Kraliki.Server.HotTier;

/// <summary>What one node tells the others; a hint, never a record: it may be lost, and whoever hears it looks into the database or merely knows earlier.</summary>
internal enum Hint
{
    /// <summary>Access tokens that are good no longer: <c>jti:unix milliseconds of expiry</c>, separated by commas.</summary>
    Revoked,

    /// <summary>Sign-ins that have ended or changed: ids, separated by commas.</summary>
    SignIns,

    /// <summary>A feature flag was decided; no payload.</summary>
    Flags,

    /// <summary>Something was found out of a provider; no payload.</summary>
    Breakers,
}

/// <summary>
/// The node's one connection to Redis. Redis may be slow, frozen, killed or emptied at any moment: nobody waits for it longer
/// than they say, and while it is known to be away nobody waits at all. Safe from any thread.
/// </summary>
/// <remarks>
/// <list type="number">
/// <item>A question goes over the open connection. No answer within the asker's patience, or an error, closes the gate: the next
/// questions are answered "away" at once, which costs a look into memory.</item>
/// <item>One task probes, at once when the gate was closed and then every quarter of a second; an answer opens it again.</item>
/// <item>When nothing was answered for <see cref="HotTierLimits.GiveUpAfter"/> the connection is replaced.</item>
/// </list>
/// The probe writes, because a Redis that is full or a read-only replica answers a PING, too.
/// </remarks>
internal sealed partial class RedisConnection : BackgroundService
{
    public const string MeterName = "Kraliki.HotTier";

    private readonly ConfigurationOptions? _options;
    private readonly HotTierLimits _limits;
    private readonly TimeProvider _time;
    private readonly ILogger<RedisConnection> _log;
    private readonly Doorbell _doorbell;
    private readonly Counter<long> _failures;
    private readonly RedisChannel _hints;
    private readonly string _me = Guid.NewGuid().ToString("N");
    private readonly string _prefix;
    private volatile IDatabase? _open;
    private volatile bool _away = true;
    private bool _told;

    public RedisConnection(KralikiOptions options, HotTierLimits limits, IMeterFactory meters, TimeProvider time, ILogger<RedisConnection> log)
    {
        (_limits, _time, _log) = (limits, time, log);
        _doorbell = new(time);
        _prefix = options.Cluster is { } cluster ? $"kraliki:{cluster.Id}:" : "kraliki:";
        _hints = RedisChannel.Literal(_prefix + "hints");
        _options = options.Redis is { } text ? FailFast(text, limits) : null;
        var meter = meters.Create(MeterName);
        _failures = meter.CreateCounter<long>("kraliki.redis.failures", "{question}", "Questions that Redis did not answer in time or refused.");
        if (IsConfigured)
        {
            meter.CreateObservableGauge("kraliki.redis.available", () => _away ? 0 : 1, description: "1 while Redis answers this node, else 0.");
        }
    }

    /// <summary>Raised on any thread; handlers return at once. After an outage with an empty payload: something may have been missed.</summary>
    public event Action<Hint, string>? Hinted;

    /// <summary>False in an installation without Redis: then everything is answered "away".</summary>
    public bool IsConfigured => _options is not null;

    /// <summary>Whether a question would be asked at all at this moment.</summary>
    public bool IsOpen => _open is not null;

    /// <summary>Redis is configured and its last probe failed.</summary>
    public bool IsAway => IsConfigured && _away;

    /// <summary>What the connection string must be, for the check of the settings.</summary>
    /// <returns>Null when it cannot be read; why is not told, because the text holds a password.</returns>
    public static ConfigurationOptions? Parse(string connectionString)
    {
        try
        {
            return ConfigurationOptions.Parse(connectionString) is { EndPoints.Count: > 0 } options ? options : null;
        }
        catch (Exception e) when (e is ArgumentException or FormatException)
        {
            return null;
        }
    }

    /// <summary>The name under which everything of this installation stands.</summary>
    public RedisKey Key(string name) => _prefix + name;

    /// <summary>Asks Redis.</summary>
    /// <returns>Not answered: it is away, slow, or refuses; whoever asks goes on without.</returns>
    public async ValueTask<(bool Answered, T? Value)> AskAsync<T>(Func<IDatabase, Task<T>> ask, TimeSpan patience)
    {
        if (_open is not { } database)
        {
            return default;
        }

        try
        {
            return (true, await ask(database).WaitAsync(patience, _time));
        }
        catch (Exception e) when (IsTrouble(e))
        {
            _failures.Add(1);
            _open = null;
            _doorbell.Ring();
            return default;
        }
    }

    /// <summary>Tells the other nodes, as well as it goes; does not wait.</summary>
    public void Tell(Hint hint, string payload) => _ = TellAsync(hint, payload);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (_options is null)
        {
            return;
        }

        ConnectionMultiplexer? connection = null;
        var listening = false;
        var answered = _time.GetTimestamp();
        try
        {
            while (true)
            {
                if (connection is null)
                {
                    connection = await ConnectAsync(_options);
                    (listening, answered) = (false, _time.GetTimestamp());
                }

                if (connection is not null && await ProbeAsync(connection, listening))
                {
                    listening = true;
                    answered = _time.GetTimestamp();
                    Open(connection.GetDatabase());
                }
                else
                {
                    Close();
                    if (_time.GetElapsedTime(answered) > _limits.GiveUpAfter)
                    {
                        LogGivenUp(_limits.GiveUpAfter.TotalSeconds);
                        await DropAsync(connection);
                        connection = null;
                    }
                }

                await _doorbell.WaitAsync(_away ? _limits.ProbeIntervalWhileAway : _limits.ProbeInterval, stoppingToken);
            }
        }
        finally
        {
            _open = null;
            await DropAsync(connection);
        }
    }

    private static ConfigurationOptions FailFast(Secret text, HotTierLimits limits)
    {
        var options = Parse(text.Reveal()) ?? throw new StartRefusedException("Kraliki:Redis:ConnectionString cannot be read.");

        // Without these a command that finds Redis dead waits for five seconds in a backlog.
        options.AbortOnConnectFail = false;
        options.BacklogPolicy = BacklogPolicy.FailFast;
        options.ConnectTimeout = 500;

        // As long as anybody waits, and no longer.
        options.SyncTimeout = options.AsyncTimeout = (int)Math.Max(limits.RequestPatience.TotalMilliseconds, limits.LastResortPatience.TotalMilliseconds);
        options.ConnectRetry = 1;
        options.ReconnectRetryPolicy = new LinearRetry(500);
        options.HeartbeatInterval = TimeSpan.FromMilliseconds(250);
        options.KeepAlive = 2;
        options.ClientName ??= "kraliki";
        return options;
    }

    /// <remarks>A command of a client that is being replaced reports that it was disposed of, or cancelled.</remarks>
    private static bool IsTrouble(Exception e) => e is RedisException or RedisCommandException or TimeoutException or ObjectDisposedException or OperationCanceledException;

    private async Task<ConnectionMultiplexer?> ConnectAsync(ConfigurationOptions options)
    {
        try
        {
            return await ConnectionMultiplexer.ConnectAsync(options);
        }
        catch (RedisConnectionException e)
        {
            Missing(e.FailureType.ToString());
            return null;
        }
    }

    private async Task<bool> ProbeAsync(ConnectionMultiplexer connection, bool listening)
    {
        try
        {
            await connection.GetDatabase().StringSetAsync(Key("probe"), _me, TimeSpan.FromMinutes(1)).WaitAsync(_limits.LastResortPatience, _time);
            if (!listening)
            {
                // Later reconnects subscribe again by themselves.
                await connection.GetSubscriber().SubscribeAsync(_hints, (_, message) => Hear(message)).WaitAsync(_limits.LastResortPatience, _time);
            }

            return true;
        }
        catch (Exception e) when (IsTrouble(e))
        {
            Missing(e is RedisConnectionException lost ? lost.FailureType.ToString() : e.GetType().Name);
            return false;
        }
    }

    private void Missing(string reason)
    {
        if (!_told)
        {
            _told = true;
            LogLost(reason);
        }
    }

    private void Open(IDatabase database)
    {
        _open = database;
        if (!_away)
        {
            return;
        }

        (_away, _told) = (false, false);
        LogFound();
        foreach (var hint in Enum.GetValues<Hint>())
        {
            Hinted?.Invoke(hint, "");
        }
    }

    private void Close()
    {
        _open = null;
        _away = true;
    }

    private async Task TellAsync(Hint hint, string payload) =>
        await AskAsync(database => database.PublishAsync(_hints, $"{_me} {hint} {payload}"), _limits.LastResortPatience);

    private void Hear(RedisValue message)
    {
        if (((string?)message)?.Split(' ', 3) is [var sender, var name, var payload] && sender != _me && Enum.TryParse<Hint>(name, out var hint))
        {
            Hinted?.Invoke(hint, payload);
        }
    }

    private static async Task DropAsync(ConnectionMultiplexer? connection)
    {
        if (connection is not null)
        {
            await connection.CloseAsync(allowCommandsToComplete: false);
            await connection.DisposeAsync();
        }
    }
}
