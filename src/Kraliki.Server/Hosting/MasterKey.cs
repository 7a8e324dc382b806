using System.Security.Cryptography;
using System.Text;

namespace Kraliki.Server.Hosting;

/// <summary>
/// The installation's one secret, from which every other key is derived (HKDF-SHA256, one purpose each). It is kept outside
/// the database: whoever gets hold of the database alone can neither forge an audit entry nor a token.
/// </summary>
/// <remarks>
/// <c>Kraliki:MasterKey</c> when it is set (several nodes must share it), else a file in the data directory that is made at
/// the first start and that only its owner can read. Safe from any thread.
/// </remarks>
public sealed class MasterKey
{
    public const int Bytes = 32;

    private const string FileName = "master.key";

    private readonly byte[] _key;

    private MasterKey(byte[] key) => _key = key;

    /// <exception cref="StartRefusedException">The file holds something else.</exception>
    public static MasterKey Load(KralikiOptions options)
    {
        if (options.MasterKey is { } configured)
        {
            return new(Convert.FromBase64String(configured.Reveal()));
        }

        var path = Path.Combine(options.DataDirectory, FileName);
        if (!File.Exists(path))
        {
            Write(path);
        }

        var text = File.ReadAllText(path).Trim();
        var key = new byte[Bytes];
        return Convert.TryFromBase64String(text, key, out var written) && written == Bytes
            ? new(key)
            : throw new StartRefusedException(
                $"{path} does not hold a key of {Bytes} bytes in base64. Bring back the file that belongs to this database; without it the audit log cannot be verified.");
    }

    /// <param name="purpose">One for each use: <c>audit</c>, <c>cursors</c>.</param>
    /// <returns>32 bytes, the same after every restart.</returns>
    public byte[] Derive(string purpose) => HKDF.DeriveKey(HashAlgorithmName.SHA256, _key, Bytes, info: Encoding.ASCII.GetBytes($"kraliki:{purpose}"));

    private static void Write(string path)
    {
        var how = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            how.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        // Beside the file and then over it: a killed start never leaves half a key.
        var draft = path + ".new";
        File.Delete(draft);
        using (var writer = new StreamWriter(draft, how))
        {
            writer.Write(Convert.ToBase64String(RandomNumberGenerator.GetBytes(Bytes)));
        }

        File.Move(draft, path, overwrite: false);
    }
}
