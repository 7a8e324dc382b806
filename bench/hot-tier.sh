#!/usr/bin/env bash
# What the faults of Redis cost a request: two nodes on PostgreSQL and Redis on this machine (deploy/cluster.sh), asked by one
# person without a pause while Redis is well, killed, started, frozen, thawed and emptied. Each fault comes a second after its
# window began, so that the moment itself is in it. bench/hot-tier.sh [ROUNDS per window] [PASSES]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

rounds=${1:-300} passes=${2:-4}
work=$(mktemp -d)
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
dotnet build bench/Kraliki.Load -c Release --verbosity quiet --nologo >/dev/null
cluster() { deploy/cluster.sh "$@" --dir "$work/cluster"; }
trap 'cluster down >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
chmod 711 "$work"
cluster up --nodes 2 --set Limits:UserPerMinute=1000000 >/dev/null
node=$(sed -nE 's/.*"nodes": \[\{"url": "([^"]+)".*/\1/p' "$work/cluster/cluster.json")

coproc LOAD { bench/Kraliki.Load/bin/Release/net10.0/Kraliki.Load requests "$node" "$work/cluster/node1/demo-credentials.json" "$rounds"; }
read -r line <&"${LOAD[0]}"
[[ $line == ready ]] || { echo "$line" >&2; exit 1; }

until_redis_is() {
  for _ in $(seq 200); do curl --silent "$node/health/ready" | grep -q "\"redis\":\"$1\"" && return 0; sleep 0.1; done
  echo "Redis did not become $1." >&2
  return 1
}

# window NAME [COMMAND...]: measures, and breaks something meanwhile.
window() {
  local name=$1; shift
  echo "$name" >&"${LOAD[1]}"
  if (($#)); then sleep 1; "$@" >/dev/null; fi
  read -r line <&"${LOAD[0]}" && [[ $line == done ]] || { echo "The load ended early." >&2; return 1; }
}

for ((pass = 1; pass <= passes; pass++)); do
  until_redis_is healthy
  window well
  window "is killed" cluster kill redis
  until_redis_is degraded
  window gone
  window "comes back" cluster start redis
  until_redis_is healthy
  window "freezes" cluster pause redis
  until_redis_is degraded
  window frozen
  window "thaws" cluster resume redis
  until_redis_is healthy
  window "is emptied" cluster flush redis
done

exec {out}<&"${LOAD[0]}"
eval "exec ${LOAD[1]}>&-"
echo "| Redis | a session | its events | a list | a change | longest |"
echo "|---|---|---|---|---|--:|"
cat <&"$out"
