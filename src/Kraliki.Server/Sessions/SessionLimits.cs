namespace Kraliki.Server.Sessions;

/// <summary>Times and limits of sessions. A singleton; read when needed, so that a change applies to what begins after it.</summary>
public sealed class SessionLimits
{
    /// <summary>How long a call whose server or carrier socket vanished may stay away before its session fails.</summary>
    public TimeSpan RecoveryGrace { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>How long a session may wait for its first call.</summary>
    public TimeSpan UnusedSessionLife { get; set; } = TimeSpan.FromHours(1);

    /// <summary>How often abandoned sessions are looked for.</summary>
    public TimeSpan SweepInterval { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How often a node repeats to the grains which calls it holds and which sessions it watches.</summary>
    public TimeSpan RenewInterval { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>After this long without a repetition a node is taken for dead.</summary>
    public TimeSpan OwnerExpires => RenewInterval * 3;

    /// <summary>How often each node looks after the operators' microphones that are held.</summary>
    public TimeSpan MicrophoneSweep { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>A microphone is released when its holder's last socket has been gone for so long, found out at the second round after it at the latest. Longer than a reload or a node's death keeps a tab away.</summary>
    public TimeSpan MicrophoneGrace { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>How often a node asks the journal how far the sessions are that it watches: what a lost message, or a grain that woke up elsewhere, did not bring comes so late at most.</summary>
    public TimeSpan FeedPollInterval { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>Shortest time between two messages to another node about the same call's partials, meters and audio.</summary>
    public TimeSpan RelayInterval { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Shortest time between two commits of the journal: a busy node gathers more per disk flush, an idle one commits at once.</summary>
    public TimeSpan CommitSpacing { get; set; } = TimeSpan.FromMilliseconds(10);

    /// <summary>How old a fact may grow before watchers are told that it is not saved yet.</summary>
    public TimeSpan UnsavedNotice { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How long the database may be away before new calls are refused.</summary>
    public TimeSpan UnsavedPatience { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>Facts of all calls of this node that may wait for the database; with more than that, calls are ended.</summary>
    public int UnsavedFacts { get; set; } = 10_000;

    /// <summary>How long the end of a conversation waits for what is found out about its last turn: sockets are closed with the end.</summary>
    public TimeSpan LastInsights { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Heartbeat that clients of the session socket are asked for.</summary>
    public TimeSpan SocketHeartbeat { get; set; } = TimeSpan.FromSeconds(15);

    public TimeSpan SocketIdentifyWithin { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>A socket from which nothing came for so long is closed.</summary>
    public TimeSpan SocketIdleTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>A client that takes longer than this for one message is cut off.</summary>
    public TimeSpan SocketSendTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>A live client that is this many events behind is cut off.</summary>
    public int SocketMaxLag { get; set; } = 1_000;

    /// <summary>Messages that a client may send within <see cref="SocketRateWindow"/>.</summary>
    public int SocketMessagesPerWindow { get; set; } = 200;

    public TimeSpan SocketRateWindow { get; set; } = TimeSpan.FromSeconds(10);
}
