using System.Text;
using System.Text.Json.Nodes;

namespace Kraliki.Server.Tests.Fuzz;

/// <summary>Makes odd requests of an ordinary one: first everything on the lists, then mixtures by chance.</summary>
/// <param name="part">Every fifth header is for operations of one such number: all of them for each would take too long.</param>
internal sealed class Hostility(ApiOperation operation, string target, IReadOnlyList<(string Name, string Value)> ordinary, int part)
{
    /// <summary>As JSON text, where a field's value belongs.</summary>
    public static readonly string[] Values =
    [
        "null", "true", "0", "-1", "1.5", "1e308", "1e400", "99999999999999999999", "-9223372036854775809", "[]", "{}", "[null]", "{\"a\":{}}", "\"\"", "\" \"",
        "\"\\u0000\"", "\"a\\u0000b\"", "\"\\ud800\"", "\"\\uFEFF\"", "\"\\u202e\\u0007\\r\\n\"", "\"'; DROP TABLE users; --\"", "\"../../../etc/passwd\"", "\"<script>alert(1)</script>\"",
        "\"%00%n%s\"", "\"0001-01-01T00:00:00Z\"", "\"0001-01-01T00:00:00+14:00\"", "\"9999-12-31T23:59:59.9999999-14:00\"", "\"2026-02-30T25:61:61Z\"",
        "\"00000000-0000-0000-0000-000000000000\"", "\"a@b\"", "\"@\"", "\"x@\\u0000.example\"", "\"+1\"",
        $"\"{new string('x', 20_000)}\"", $"\"{new string('\u20ac', 5_000)}\"", $"{new string('[', 20)}{new string(']', 20)}", $"{new string('[', 60)}{new string(']', 60)}",
    ];

    private static readonly string[] QueryValues =
    [
        "", "0", "-1", "1.5", "NaN", "1e9", "99999999999999999999", "true", "null", "%00", "%", "%zz", "%ff%fe", "%c0%ae", "%F0%9F%98%80", "a%0d%0aX-Injected:%201", "%27%20OR%201=1--",
        "AAAA", "eyJhIjoxfQ", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59.9999999-14:00", "2026-13-01", "00000000-0000-0000-0000-000000000000", new string('9', 1_000), new string('A', 3_000),
    ];

    private static readonly string[] Ids =
    [
        "0", "-1", "null", "undefined", "%00", "%", "%2f", "..%2f..%2fhealth", "..", "%c0%ae%c0%ae", "%ff", "{id}", "%7B01900000-0000-7000-8000-000000000009%7D", "01900000000070008000000000000009",
        "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "01900000-0000-7000-8000-00000000000", "a%20b", "\u00e9", "'", "\"", "<x>", ";", new string('f', 2_000),
    ];

    private static readonly (string Name, string Value)[] OddHeaders =
    [
        ("Accept", "nonsense"), ("Accept", "application/xml"), ("Accept", "*/*;q=x"), ("Accept", ";;;,,,"), ("Accept-Language", "\u00ff-;q=9"), ("Accept-Encoding", "gzip;q=-1, *"),
        ("If-Match", "*"), ("If-Match", "\"\""), ("If-Match", "\"x\""), ("If-Match", "W/\"1\""), ("If-Match", "\"99999999999999999999\""), ("If-Match", "nonsense"), ("If-Match", "\"1\", \"2\""), ("If-None-Match", "*"),
        ("Idempotency-Key", ""), ("Idempotency-Key", " "), ("Idempotency-Key", new string('k', 5_000)), ("Idempotency-Key", "\u00e9\u00ff"), ("Idempotency-Key", "a b\"c"), ("Idempotency-Key", "one"), ("Idempotency-Key", "one"),
        ("X-Request-ID", "\u00ff\t"), ("X-Request-ID", new string('r', 2_000)), ("traceparent", "00-zz"), ("traceparent", "00-00000000000000000000000000000000-0000000000000000-00"), ("tracestate", new string('=', 600)),
        ("Authorization", ""), ("Authorization", "Bearer"), ("Authorization", "Bearer a.b.c"), ("Authorization", "Bearer \u00ff"), ("Authorization", "Basic !!!"), ("Authorization", "Bearer " + new string('a', 8_000)), ("Authorization", "Bearer eyJhbGciOiJub25lIn0.e30."),
        ("Cookie", "kraliki_access=;;;=;"), ("Cookie", "kraliki_refresh=x; kraliki_access=y"), ("Cookie", new string(';', 2_000)), ("Origin", "null"), ("Origin", "\u00ff"), ("Origin", "https://evil.example"),
        ("X-Forwarded-For", "nonsense, ::1, 999.1.1.1"), ("X-Forwarded-Proto", "gopher"), ("X-Forwarded-Host", "evil.example"), ("Forwarded", "for=\"_x"), ("X-HTTP-Method-Override", "DELETE"), ("Range", "bytes=9-1"),
        ("Upgrade", "websocket"), ("Upgrade", "h2c"), ("Expect", "nonsense"), ("Content-Length", "-1"), ("Content-Length", "9999999999"), ("Content-Encoding", "gzip"), ("Transfer-Encoding", "gzip, chunked"), ("X-Filler", new string('f', 12_000)), ("", "no name"), ("Bad Name", "x"),
    ];

    private static readonly string[] ContentTypes =
    [
        "", "text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary=\"", "application/json; charset=utf-16", "application/json; charset=utf-7", "application/json; charset=nonsense",
        "application/json; charset=\"\u00ff\"", "application/json;;;", "application/vnd.api+json", "json", "application/json, text/plain", "application/" + new string('j', 500),
    ];

    /// <summary>Every single oddity.</summary>
    public IEnumerable<RawRequest> Listed()
    {
        yield return Request("as it should be");
        foreach (var method in new[] { "HEAD", "OPTIONS", "TRACE", "PUT", "PATCH", "DELETE", "get", "FOO" })
        {
            yield return Request("method") with { Method = method };
        }

        foreach (var header in OddHeaders.Where((_, i) => i % 5 == part % 5))
        {
            yield return Request("header", header);
        }

        foreach (var id in operation.Path.Contains('{') ? Ids : [])
        {
            yield return Request("id") with { Target = operation.Path.Replace("{id}", id).Replace("{name}", id) };
        }

        foreach (var query in operation.Query.SelectMany(name => QueryValues.Select(value => $"{name}={value}")).Concat(["x=%", "&&&=&=", "%00=1", "[]=1&a[b]=2", "%FF"]))
        {
            yield return Request("query") with { Target = $"{target}?{query}" };
        }

        foreach (var path in new[] { target + "/", target + "%00", target + "/%2e%2e", target.Replace("/api", "//api"), target.ToUpperInvariant(), target + ";x=1", target + "%0d%0aX-Injected:1", target + "\u00ff" })
        {
            yield return Request("path") with { Target = path };
        }

        foreach (var (kind, body) in operation.Body is null ? Bodies().Take(3) : Bodies())
        {
            yield return Request(kind) with { Body = body };
        }

        var sample = operation.Body is { } whole ? Encoding.UTF8.GetBytes(whole.ToJsonString()) : "{}"u8.ToArray();
        foreach (var type in operation.Body is null ? ContentTypes[..3] : ContentTypes)
        {
            yield return Request("content type", ("Content-Type", type)) with { Body = sample };
        }

        yield return Request("UTF-16", ("Content-Type", "application/json; charset=utf-16")) with { Body = Encoding.Unicode.GetBytes(Encoding.UTF8.GetString(sample)) };
        yield return Request("half a character of UTF-16", ("Content-Type", "application/json; charset=utf-16")) with { Body = [0x00, 0xD8, 0x7B] };
        yield return Request("gzip", ("Content-Encoding", "gzip")) with { Body = [0x1f, 0x8b, 0x08, 0x00, 0xff, 0xff] };
        yield return Request("broken chunks", ("Transfer-Encoding", "chunked")) with { Body = "zz\r\n{}\r\n"u8.ToArray() };
        yield return Request("unfinished chunks", ("Transfer-Encoding", "chunked")) with { Body = "2\r\n{}\r\n0\r\n\r\n"u8.ToArray() };
    }

    /// <summary>Several oddities at once, for ever.</summary>
    public IEnumerable<RawRequest> Mixed(Random chance)
    {
        while (true)
        {
            var request = Request("mixed");
            var headers = request.Headers.ToList();
            for (var i = chance.Next(3); i > 0; i--)
            {
                var odd = OddHeaders[chance.Next(OddHeaders.Length)];
                headers.RemoveAll(header => header.Name.Equals(odd.Name, StringComparison.OrdinalIgnoreCase));
                headers.Add(odd);
            }

            var place = operation.Path.Contains('{') && chance.Next(4) == 0
                ? operation.Path.Replace("{id}", Ids[chance.Next(Ids.Length)]).Replace("{name}", Ids[chance.Next(Ids.Length)])
                : target;
            var query = string.Join('&', operation.Query.Where(_ => chance.Next(2) == 0).Select(name => $"{name}={QueryValues[chance.Next(QueryValues.Length)]}"));
            yield return request with { Headers = headers, Target = query.Length == 0 ? place : $"{place}?{query}", Body = MixedBody(chance) };
        }
    }

    private IEnumerable<(string Kind, byte[] Body)> Bodies()
    {
        foreach (var text in new[] { "null", "[]", "\"x\"", "1", "{", "}", "{}{}", "{\"\":1}", "{,}", "{'a':1}", "{\"a\":1,}", "/**/{}", "NaN", "\0\0\0\0", " \t\r\n", new string('[', 10_000), new string(' ', 200_000) })
        {
            yield return ("body", Encoding.UTF8.GetBytes(text));
        }

        yield return ("larger than allowed", Encoding.UTF8.GetBytes(new string(' ', (1024 * 1024) + 1)));
        yield return ("invalid UTF-8", [.. "{\"email\":\""u8, 0xff, 0xc0, 0x80, .. "\"}"u8]);
        if (operation.Body is not { } body)
        {
            yield break;
        }

        yield return ("byte order mark", [0xEF, 0xBB, 0xBF, .. Encoding.UTF8.GetBytes(body.ToJsonString())]);
        yield return ("field too many", Text([.. Fields(body), ("surplus", "{\"a\":[1,2]}")]));
        yield return ("every field twice", Text([.. Fields(body), .. Fields(body)]));
        yield return ("other spelling", Text([.. Fields(body).Select(field => (field.Name.ToUpperInvariant(), field.Value))]));
        foreach (var (name, _) in Fields(body))
        {
            yield return ($"without {name}", Text([.. Fields(body).Where(field => field.Name != name)]));
            foreach (var value in Values)
            {
                yield return ($"odd {name}", Text([.. Fields(body).Select(field => field.Name == name ? (name, value) : field)]));
            }

            // In a string, the reader's own check of UTF-8 comes late.
            yield return ($"invalid UTF-8 in {name}", [.. Encoding.UTF8.GetBytes($"{{\"{name}\":\""), 0xC3, 0x28, 0xff, .. "\"}"u8]);
        }
    }

    private byte[] MixedBody(Random chance)
    {
        if (operation.Body is not { } body)
        {
            return chance.Next(3) == 0 ? Encoding.UTF8.GetBytes(Values[chance.Next(Values.Length)]) : [];
        }

        var fields = Fields(body)
            .Where(_ => chance.Next(8) > 0)
            .Select(field => chance.Next(2) == 0 ? (field.Name, Values[chance.Next(Values.Length)]) : field)
            .ToList();
        var bytes = Text(fields);
        if (chance.Next(4) == 0)
        {
            bytes[chance.Next(bytes.Length)] = (byte)chance.Next(256);
        }

        return bytes;
    }

    private static List<(string Name, string Value)> Fields(JsonObject body) => [.. body.Select(field => (field.Key, field.Value?.ToJsonString() ?? "null"))];

    private static byte[] Text(IReadOnlyList<(string Name, string Value)> fields) =>
        Encoding.UTF8.GetBytes($"{{{string.Join(',', fields.Select(field => $"\"{field.Name}\":{field.Value}"))}}}");

    private RawRequest Request(string kind, (string Name, string Value)? odd = null)
    {
        List<(string Name, string Value)> headers = [.. ordinary.Where(header => !header.Name.Equals(odd?.Name, StringComparison.OrdinalIgnoreCase))];
        if (odd is { } header)
        {
            headers.Add(header);
        }

        return new(kind, operation.Method, target, headers, operation.Body is { } body ? Encoding.UTF8.GetBytes(body.ToJsonString()) : []);
    }
}
