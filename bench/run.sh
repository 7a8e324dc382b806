#!/usr/bin/env bash
# Measures what a call costs: the server alone on core 0, callers and the echoing provider on core 1, a fresh server for
# each number of calls, more calls until frames are lost or p99 passes 60 ms. Kraliki runs with everything on (sessions,
# journal on disk); node-ws is the hand-written Node relay in baselines/, measured by the same tool in the same run.
#
#   bench/run.sh                                   both servers, 10 to 1,000 calls, 20 s each (about 25 minutes)
#   SERVERS=kraliki CALLS="100 200" SECONDS_EACH=10 bench/run.sh
#   JSON=out.jsonl bench/run.sh                    one JSON object per measurement as well
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

SERVERS=${SERVERS:-"node-ws kraliki"}
CALLS=${CALLS:-"10 50 100 200 400 550 700 850 1000"}
SECONDS_EACH=${SECONDS_EACH:-20}
WARM_UP=${WARM_UP:-45}
JSON=${JSON:-/dev/null}
sid=AC00000000000000000000000000000001 token=load-test-token port=5190 echo_port=9190
load=bench/Kraliki.Load/bin/Release/net10.0/Kraliki.Load
server=src/Kraliki.Server/bin/Release/net10.0/Kraliki.Server
work=$(mktemp -d)
pid=""
stop() { [[ -n $pid ]] && kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; pid=""; }
trap 'stop; rm -rf "$work"' EXIT

(($(nproc) >= 2)) || { echo "Two cores are needed: one for the server, one for the load." >&2; exit 1; }
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
dotnet build bench/Kraliki.Load -c Release --verbosity quiet || exit 1

prepare() {
  case $1 in
    kraliki) dotnet build src/Kraliki.Server -c Release --verbosity quiet ;;
    node-ws) (cd bench/baselines/node-ws && npm ci --no-audit --no-fund --loglevel=error) ;;
    *) echo "Unknown server '$1'." >&2; return 1 ;;
  esac
}

start() {
  rm -rf "$work/data"; mkdir "$work/data"
  case $1 in
    kraliki)
      taskset -c 0 "$server" --urls "http://127.0.0.1:$port" \
        --Kraliki:DataDirectory="$work/data" --Kraliki:Demo=true --Kraliki:Limits:WebhooksPerMinute=1000000 --Kraliki:Limits:SocketsPerMinute=1000000 \
        --Kraliki:Providers:OpenAI:ApiKey=sk-load --Kraliki:Providers:OpenAI:BaseUrl="http://127.0.0.1:$echo_port/v1" \
        --Kraliki:Carriers:Twilio:AccountSid=$sid --Kraliki:Carriers:Twilio:AuthToken=$token >"$work/server.log" 2>&1 & ;;
    node-ws)
      PORT=$port PROVIDER="ws://127.0.0.1:$echo_port/v1/realtime?model=gpt-realtime" \
        taskset -c 0 node bench/baselines/node-ws/relay.mjs >"$work/server.log" 2>&1 & ;;
  esac
  pid=$!
  curl --silent --fail --output /dev/null --retry 120 --retry-delay 1 --retry-connrefused --retry-all-errors \
    --max-time 5 "http://127.0.0.1:$port/health/ready" && return 0
  echo "$1 did not become ready:" >&2; tail -n 20 "$work/server.log" >&2
  return 1
}

rows=() most=()
for name in $SERVERS; do
  prepare "$name" || exit 1
  best=0
  for calls in $CALLS; do
    # A window in which the load side itself was held up says nothing about the server: it is measured again.
    for attempt in 1 2 3; do
      start "$name" || exit 1
      taskset -c 1 "$load" --name "$name" --server "http://127.0.0.1:$port" --pid "$pid" --calls "$calls" \
        --seconds "$SECONDS_EACH" --warm-up "$WARM_UP" --echo-port $echo_port --account-sid $sid --auth-token $token >"$work/out"
      sustained=$?
      stop
      late=$(sed -nE 's/.*"load_late_ms":([0-9]+).*/\1/p' "$work/out")
      ((${late:-0} <= 20)) && break
      echo "$name, $calls calls: the load side was ${late} ms late, attempt $attempt does not count" >&2
    done
    if ((${#rows[@]} == 0)); then rows+=("$(sed -n 1,2p "$work/out")"); sed -n 1,2p "$work/out"; fi
    rows+=("$(sed -n 3p "$work/out")"); sed -n 3p "$work/out"
    sed -n 4p "$work/out" >>"$JSON"
    ((sustained == 0)) || break
    best=$calls
  done
  most+=("most calls sustained on one core, $name: $best")
done

printf '\n'
printf '%s\n' "${rows[@]}"
printf '\n'
printf '%s\n' "${most[@]}"
