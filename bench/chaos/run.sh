#!/usr/bin/env bash
# Kills nodes of a cluster under live calls and compares what database, clients and carrier say afterwards:
#
#   bench/chaos/run.sh 500                      five nodes, six calls, under 40 minutes on two cores
#   bench/chaos/run.sh 500 --seed 7 --others 5  the same faults as another run with seed 7; five of each other kind besides
#   bench/chaos/run.sh report FILE              the tables of docs/resilience.md
#
# Results go to --out (chaos-<seed>.jsonl), a line after each 100 faults; the same command goes on where it was stopped. Figures
# of all faults so far are in chaos-<seed>.summary.json, rewritten after each ten.
# Ends with 0 only when no call was lost, nothing was lost, duplicated, reordered or made up, and 95 % of the callers of killed
# nodes heard the assistant again within 5 s.
set -euo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
if [[ ${1:-} != report ]]; then
  dotnet build "$repository/bench/chaos" -c Release --verbosity quiet >&2
  # Compiled ahead: half of the time between two kills would otherwise go into starting nodes.
  published=$repository/bench/chaos/bin/server
  dotnet publish "$repository/src/Kraliki.Server" -c Release -p:CompileAhead=true --output "$published" --verbosity quiet >&2
  set -- "$@" --server "$published"
fi
exec "$repository/bench/chaos/bin/Release/net10.0/Kraliki.Chaos" "$@"
