#!/usr/bin/env bash
# How long nobody has a call, at switches and failovers between every two providers, on the real call loop and the real adapters:
#
#   bench/gaps/run.sh 200                    200 of each kind and pair, about ten minutes on two cores
#   bench/gaps/run.sh 20 --only openai,local
#
# Prints the tables of docs/resilience.md. Ends with 0 only when no call was lost, no frame of a caller was heard by nobody, and
# 95 % of each pair stayed within one frame (switch) and one second (failover).
set -euo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
dotnet build "$repository/bench/gaps" -c Release --verbosity quiet >&2
exec "$repository/bench/gaps/bin/Release/net10.0/Kraliki.Gaps" "$@"
