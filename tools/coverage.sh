#!/usr/bin/env bash
# Line coverage of src/Kraliki.Server by the server's tests, per folder. Not part of ./test.sh: it takes a few minutes.
#
#   tools/coverage.sh                   every test
#   tools/coverage.sh --filter-class "*Tenancy*"   what stands here goes to the test runner (--help lists it)
#   FILES=1 tools/coverage.sh           every file below its folder
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# A tree of its own: the runner that can measure would otherwise stay in the ordinary one.
out=TestResults/coverage
report=$PWD/$out/server.cobertura.xml
dotnet build tests/Kraliki.Server.Tests -p:Coverage=true --artifacts-path "$out" --verbosity quiet

tests=$(compgen -G "$out/bin/Kraliki.Server.Tests/*/Kraliki.Server.Tests")
"$tests" --coverage --coverage-output "$report" --coverage-output-format cobertura --coverage-settings "$PWD/tools/coverage.xml" \
  --progress off --ansi off "$@" | grep -vE '^[0-9:]+ (warn|fail|info):' || echo "Some tests failed; what ran was measured."

# A line stands in the report once below its method and once below its class: it counts once.
awk -v files="${FILES:-}" '
  match($0, /filename="[^"]*"/) {
    file = substr($0, RSTART + 10, RLENGTH - 11)
    wanted = file ~ /src\/Kraliki\.Server\// && file !~ /\/(obj|artifacts|Migrations)\//
    sub(/.*src\/Kraliki\.Server\//, "", file)
  }
  wanted && match($0, /<line number="[0-9]+" hits="[0-9]+"/) {
    split(substr($0, RSTART, RLENGTH), part, "\"")
    line = file ":" part[2]
    if (!(line in hits)) { of[line] = file; hits[line] = 0 }
    if (part[4] > 0) hits[line] = 1
  }
  END {
    for (line in hits) {
      file = of[line]
      folder = file ~ /\// ? file : "(root)"
      sub(/\/[^\/]*$/, "", folder)
      add(folder, hits[line]); add("(all)", hits[line])
      if (files != "") add(folder "/" substr(file, length(folder) + 2), hits[line])
    }
    for (name in lines) printf "%-60s %6.1f %%  %5d of %5d\n", name, 100 * hit[name] / lines[name], hit[name], lines[name] | "sort"
  }
  function add(name, covered) { lines[name]++; hit[name] += covered }
' "$report"
