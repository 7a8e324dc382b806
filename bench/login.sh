#!/usr/bin/env bash
# Measures what signing in costs on a fresh demo server of this machine: bench/login.sh [COUNT]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

port=5191
work=$(mktemp -d)
pid=""
trap '[[ -n $pid ]] && kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; rm -rf "$work"' EXIT

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
dotnet build bench/Kraliki.Load -c Release --verbosity quiet
dotnet build src/Kraliki.Server -c Release --verbosity quiet
src/Kraliki.Server/bin/Release/net10.0/Kraliki.Server --urls "http://127.0.0.1:$port" --Kraliki:DataDirectory="$work" --Kraliki:Demo=true \
  --Kraliki:Limits:SignInPerMinute=1000000 --Kraliki:Limits:AddressPerMinute=1000000 >"$work/server.log" 2>&1 &
pid=$!
curl --silent --fail --output /dev/null --retry 120 --retry-delay 1 --retry-connrefused --retry-all-errors "http://127.0.0.1:$port/health/ready"
bench/Kraliki.Load/bin/Release/net10.0/Kraliki.Load login "http://127.0.0.1:$port" "$work/demo-credentials.json" "${1:-100}"
