#!/usr/bin/env bash
# Installs what the tests need, builds once, checks the format, runs every test.
# Last line: "N passed, N failed, N skipped". Exit code 0 only when something ran and nothing failed.
#
#   ./test.sh                                 everything
#   ./test.sh voice|server|browser|cluster|conformance ...  only these parts, without the format check; server runs on both databases
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 NO_COLOR=1
configuration=Debug
passed=0 failed=0 skipped=0
failures=$(mktemp)
trap 'rm -f "$failures"' EXIT

all=(voice server browser cluster conformance)
parts=("$@")
((${#parts[@]})) || parts=("${all[@]}")
for part in "${parts[@]}"; do
  [[ " ${all[*]} " == *" $part "* ]] || { echo "Unknown part '$part'. Parts: ${all[*]}" >&2; exit 2; }
done
wanted() { [[ " ${parts[*]} " == *" $1 "* ]]; }
heading() { printf '\n== %s\n' "$*"; }

install_missing() {
  local missing=() package
  for package in libpocketsphinx3 pocketsphinx-en-us libflite1; do
    dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
  done
  command -v redis-server >/dev/null || missing+=(redis-server)
  compgen -G '/usr/lib/postgresql/*/bin/pg_ctl' >/dev/null || missing+=(postgresql)
  if wanted cluster && ! PATH=$PATH:/usr/sbin command -v nginx >/dev/null; then missing+=(nginx-light); fi
  if wanted browser && ! command -v chromium >/dev/null && ! command -v google-chrome >/dev/null; then missing+=(chromium); fi
  if wanted conformance && ! command -v npm >/dev/null; then missing+=(nodejs npm); fi
  ((${#missing[@]})) || return 0

  local sudo=""
  ((EUID == 0)) || sudo="sudo"
  if ! command -v apt-get >/dev/null || { [[ -n $sudo ]] && ! command -v sudo >/dev/null; }; then
    echo "Missing: ${missing[*]}. Install them with the package manager of this system; the tests that need them will fail." >&2
    return 0
  fi
  heading "apt-get install ${missing[*]}"
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" ||
    echo "apt-get failed; the tests that need ${missing[*]} will fail." >&2
}

finish() {
  # Once more at the end, where somebody who sees only the last lines looks for them.
  if [[ -s $failures ]]; then heading "failed"; cat "$failures"; fi
  printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
  exit $((failed > 0 || passed == 0))
}

# Adds one to the failures when a step that is not a test goes wrong, so that the last line tells.
step() {
  heading "$1"; shift
  "$@" || { echo "FAILED: $*" | tee -a "$failures"; failed=$((failed + 1)); return 1; }
}

# An xunit.v3 test project is an executable; its last line is
# "<name>  Total: N, Errors: N, Failed: N, Skipped: N, Not Run: N, Time: …", and it prints each failure's text.
dotnet_tests() {
  local project=$1 log total errors bad skips
  shift
  heading "$project${KRALIKI_TEST_DATABASE:+ on $KRALIKI_TEST_DATABASE}"
  log=$(mktemp)
  # Not through a pipe: a server process that a test left behind would hold it open for ever.
  timeout --kill-after=30 900 "tests/$project/bin/$configuration/net10.0/$project" -noColor -noLogo -longRunning 60 "$@" >"$log" 2>&1 &
  local run=$! code=0
  tail --pid=$run -n +1 -f "$log" &
  wait $run || code=$?
  wait $!
  kill -- -$run 2>/dev/null
  sed -nE '/ \[FAIL\]$/,/^ +(Stack Trace|Output):/p' "$log" >>"$failures"
  if read -r total errors bad skips < <(sed -nE "s/.*$project +Total: ([0-9]+), Errors: ([0-9]+), Failed: ([0-9]+), Skipped: ([0-9]+).*/\1 \2 \3 \4/p" "$log" | tail -n 1); then
    passed=$((passed + total - bad - skips)); failed=$((failed + bad + errors)); skipped=$((skipped + skips))
    if ((code != 0 && bad + errors == 0)); then echo "$project exited with code $code"; failed=$((failed + 1)); fi
  else
    echo "$project ended with code $code and without a summary (124 = longer than 15 minutes)"; failed=$((failed + 1))
  fi
  rm -f "$log"
}

# node --test ends with "# pass N", "# fail N", "# skipped N" (TAP) or the same after "ℹ".
conformance_tests() {
  [[ -f tools/conformance/package.json ]] || return 0
  heading "tools/conformance"
  local log count code
  log=$(mktemp)
  (cd tools/conformance && npm ci --no-audit --no-fund --loglevel=error && timeout --kill-after=30 600 npm test) 2>&1 | tee "$log"
  code=${PIPESTATUS[0]}
  tap() { sed -nE "s/^(#|ℹ) $1 ([0-9]+)\$/\2/p" "$log" | awk '{ n += $1 } END { print n + 0 }'; }
  passed=$((passed + $(tap pass))); skipped=$((skipped + $(tap skipped) + $(tap todo)))
  count=$(($(tap fail) + $(tap cancelled)))
  ((code != 0 && count == 0)) && { echo "tools/conformance exited with code $code"; count=1; }
  failed=$((failed + count))
  grep -A 12 '^not ok' "$log" >>"$failures"
  rm -f "$log"
}

install_missing
step "restore" dotnet restore Kraliki.slnx --verbosity quiet || finish
step "build ($configuration)" dotnet build Kraliki.slnx -c "$configuration" --no-restore --verbosity quiet || finish
(($# > 0)) || step "format" dotnet format Kraliki.slnx --verify-no-changes --no-restore

wanted voice && dotnet_tests Kraliki.Voice.Tests
# The same servers, tests and expectations on either database; what needs a PostgreSQL of its own has had it in the first round.
wanted server && dotnet_tests Kraliki.Server.Tests
wanted server && KRALIKI_TEST_DATABASE=postgresql dotnet_tests Kraliki.Server.Tests -class- "*.PostgreSqlTests"
wanted browser && dotnet_tests Kraliki.Browser.Tests
wanted cluster && dotnet_tests Kraliki.Cluster.Tests
wanted conformance && conformance_tests
finish
