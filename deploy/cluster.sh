#!/usr/bin/env bash
# A whole installation on this machine, with real processes: PostgreSQL, Redis, several nodes, nginx before them, and the
# simulated carrier and AI provider behind them. For people who want to see a node die, and for tests.
#
#   deploy/cluster.sh up [--nodes 3]       builds, starts everything and says where
#   deploy/cluster.sh call [script]        a simulated person calls; watch it in the console (default script: deploy/endless.yaml)
#   deploy/cluster.sh kill 2               kill -9, as a power cut; also: stop (SIGTERM), pause, resume, start
#   deploy/cluster.sh kill postgres        the same words for postgres, redis, proxy, simulators
#   deploy/cluster.sh crash proxy          its worker only: all connections are cut, and it begins anew
#   deploy/cluster.sh flush redis          FLUSHALL: as if it had never known anything
#   deploy/cluster.sh status | logs 2 | down
#
# Options, after the word: --dir D (where it all lives; default /tmp/kraliki-cluster-<user>), and for up:
#   --nodes N  --ports FROM-TO (default 21000-28999)  --configuration Release|Debug  --no-build
#   --server DIR                           the nodes' binaries, as dotnet publish left them; default: the build here
#   --carrier URL --provider URL           simulators that run elsewhere (a test's own); then none is started here
#   --set Key=Value                        one more setting for every node, below Kraliki: (may be repeated)
# D/cluster.json tells programs: addresses, ports, keys. Only processes that this script started are ever touched: each is
# known by its pid and the moment at which it began.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(dirname "$here")

nodes=3 ports=21000-28999 configuration=Release build=1 server="" carrier="" provider="" dir=/tmp/kraliki-cluster-$(id -un) words=() extra=()
while (($#)); do
  case $1 in
    --dir) dir=$2; shift 2 ;;
    --nodes) nodes=$2; shift 2 ;;
    --ports) ports=$2; shift 2 ;;
    --configuration) configuration=$2; shift 2 ;;
    --no-build) build=0; shift ;;
    --server) server=$2; shift 2 ;;
    --carrier) carrier=$2; shift 2 ;;
    --provider) provider=$2; shift 2 ;;
    --set) extra+=("$2"); shift 2 ;;
    -h | --help | help) sed -n '2,20s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
    -*) echo "Unknown option $1." >&2; exit 2 ;;
    *) words+=("$1"); shift ;;
  esac
done
verb=${words[0]:-help} what=${words[1]:-}

fail() { echo "$*" >&2; exit 1; }

# ---- processes: "pid start-time" in D/run/<name>.pid ------------------------------------------------------------------------

# Field 22 of stat is the start time in clock ticks; the name in field 2 may hold spaces, so counting begins behind it.
born() { local stat; stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1; set -- ${stat##*) }; [[ $1 != Z ]] && echo "${20}"; }

# Prints the pid when the process that we started under this name still lives.
pid_of() {
  local pid since
  read -r pid since 2>/dev/null <"$dir/run/$1.pid" || return 1
  [[ -n $pid && $(born "$pid") == "$since" ]] && echo "$pid"
}

# The process and its children (PostgreSQL's backends, nginx's workers), the children last.
family() { local pid; pid=$(pid_of "$1") || return 1; echo "$pid"; pgrep -P "$pid" || true; }

# launch NAME COMMAND...: in the background, detached from the terminal, its output in D/logs.
launch() {
  local name=$1 pid; shift
  setsid "$@" </dev/null >>"$dir/logs/$name.log" 2>&1 &
  pid=$!
  disown
  # setsid forks only when it leads a group, which a background job of a script does not: the pid is the command's.
  echo "$pid $(born "$pid")" >"$dir/run/$name.pid"
}

signal() {
  local name=$1 signal=$2 members
  members=$(family "$name") || { echo "$name does not run." >&2; return 1; }
  # shellcheck disable=SC2086  # a list of pids
  kill "-$signal" $members 2>/dev/null
}

gone() {
  local name=$1 tenths=$2
  while ((tenths-- > 0)); do pid_of "$name" >/dev/null || return 0; sleep 0.1; done
  return 1
}

# wait_for SECONDS NAME COMMAND...: until the command succeeds, or the process has ended, or time is up.
wait_for() {
  local tenths=$(($1 * 10)) name=$2; shift 2
  while ((tenths-- > 0)); do
    "$@" >/dev/null 2>&1 && return 0
    pid_of "$name" >/dev/null || break
    sleep 0.1
  done
  echo "$name did not become ready. The end of $dir/logs/$name.log:" >&2
  tail -n 15 "$dir/logs/$name.log" >&2
  return 1
}

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
answers() { curl --silent --fail --max-time 2 --output /dev/null "$1"; }

# Ports are drawn, not counted: two clusters that start at once hardly meet.
free_port() {
  local low=${ports%-*} high=${ports#*-} port
  while :; do
    port=$((low + (RANDOM * 32768 + RANDOM) % (high - low + 1)))
    # Browsers refuse 6000 (X11) and 6665-6669 (IRC), among others of no concern here.
    [[ $port == 6000 || $port == 6566 || $port == 666[5-9] || $port == 6697 || " ${taken[*]:-} " == *" $port "* ]] && continue
    listens "$port" || break
  done
  taken+=("$port"); drawn=$port
}

secret() { head -c "$1" /dev/urandom | base64 | tr -d '\n'; }
hex() { head -c "$1" /dev/urandom | od -An -tx1 | tr -d ' \n'; }

# ---- the members --------------------------------------------------------------------------------------------------------------

# PostgreSQL refuses to run as root; as somebody else it needs no change of user.
as_postgres() { if ((EUID == 0)); then setpriv --reuid=postgres --regid=postgres --init-groups "$@"; else "$@"; fi; }

start_postgres() {
  local data=$dir/postgres bin
  bin=$(compgen -G '/usr/lib/postgresql/*/bin' | sort -V | tail -n 1)
  [[ -n $bin ]] || { command -v postgres >/dev/null && bin=$(dirname "$(command -v postgres)"); }
  [[ -n $bin ]] || fail "PostgreSQL is missing: apt-get install postgresql"
  if [[ ! -d $data/base ]]; then
    rm -rf "$data"; mkdir "$data"; ((EUID == 0)) && chown postgres "$data"
    as_postgres test -w "$data" || fail "The user postgres cannot reach $data: choose another place with --dir."
    (umask 077; echo "$pg_password" >"$dir/run/password"); ((EUID == 0)) && { chmod 711 "$dir/run"; chown postgres "$dir/run/password"; }
    as_postgres "$bin/initdb" --pgdata="$data" --username=kraliki --auth=scram-sha-256 --encoding=UTF8 --locale=C \
      --pwfile="$dir/run/password" >>"$dir/logs/postgres.log" 2>&1
    [[ -f $data/PG_VERSION ]] || fail "initdb failed, see $dir/logs/postgres.log"
    rm -f "$dir/run/password"; chmod 700 "$dir/run"
  fi
  # After a kill -9 the memory that it shared may be held for a moment by what it started.
  local try
  for try in 1 2 3 4 5 6 7 8 9 10; do
    if ((EUID == 0)); then set -- setpriv --reuid=postgres --regid=postgres --init-groups; else set --; fi
    launch postgres "$@" "$bin/postgres" -D "$data" -p "$pg_port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
      -c max_connections=300 -c shared_buffers=64MB -c log_min_messages=warning
    wait_for_postgres && return 0
    ((try < 10)) && sleep 0.5
  done
  tail -n 15 "$dir/logs/postgres.log" >&2
  return 1
}

wait_for_postgres() {
  local tenths=300
  while ((tenths-- > 0)); do
    PGPASSWORD=$pg_password psql -h 127.0.0.1 -p "$pg_port" -U kraliki -d postgres -qAtc "select 1" >/dev/null 2>&1 && return 0
    pid_of postgres >/dev/null || return 1
    sleep 0.1
  done
  return 1
}

create_database() {
  PGPASSWORD=$pg_password psql -h 127.0.0.1 -p "$pg_port" -U kraliki -d postgres -qAtc "select 1 from pg_database where datname = 'kraliki'" | grep -q 1 ||
    PGPASSWORD=$pg_password psql -h 127.0.0.1 -p "$pg_port" -U kraliki -d postgres -qc "create database kraliki"
}

start_redis() {
  # In a file, because a command line can be read by everybody on the machine.
  (umask 077; printf 'bind 127.0.0.1\nport %s\nrequirepass %s\nsave ""\nappendonly no\ndir %s\n' "$redis_port" "$redis_password" "$dir" >"$dir/redis.conf")
  launch redis redis-server "$dir/redis.conf"
  wait_for 10 redis listens "$redis_port"
}

start_simulators() {
  [[ -n $sim_twilio_port ]] || return 0
  launch simulators "$repository/sim/Kraliki.Simulators/bin/$configuration/net10.0/Kraliki.Simulators" twilio openai \
    --twilio-port "$sim_twilio_port" --openai-port "$sim_openai_port" \
    --account-sid "$account_sid" --auth-token "$auth_token" --openai-key "$openai_key"
  wait_for 30 simulators answers "$carrier/_control/scripts"
}

start_proxy() {
  local servers="" always="" port
  for port in "${node_ports[@]}"; do servers+="server 127.0.0.1:$port max_fails=1 fail_timeout=2s; "; always+="server 127.0.0.1:$port max_fails=0; "; done
  mkdir -p "$dir/nginx"
  { printf 'worker_processes 1;\npid %s/nginx/nginx.pid;\nerror_log stderr warn;\ndaemon off;\n' "$dir"
    printf 'events { worker_connections 8192; }\nhttp {\n access_log off;\n'
    local kind; for kind in client_body proxy fastcgi uwsgi scgi; do printf ' %s_temp_path %s/nginx/%s;\n' "$kind" "$dir" "$kind"; done
    sed -e "s#\${KRALIKI_NODES}#$servers#" -e "s#\${KRALIKI_NODES_ALWAYS}#$always#" -e "s#\${KRALIKI_LISTEN}#127.0.0.1:$proxy_port#" "$here/nginx.conf"
    printf '}\n'
  } >"$dir/nginx/nginx.conf"
  launch proxy "$nginx" -p "$dir/nginx" -c "$dir/nginx/nginx.conf"
  wait_for 10 proxy listens "$proxy_port"
}

launch_node() {
  local n=$1 setting
  local settings=(
    "KRALIKI__DEMO=true" "KRALIKI__DATADIRECTORY=$dir/node$n" "KRALIKI__PUBLICURL=$url" "KRALIKI__PROXIES=127.0.0.1"
    "KRALIKI__MASTERKEY=$master_key"
    "KRALIKI__DATABASE__PROVIDER=postgresql"
    "KRALIKI__DATABASE__CONNECTIONSTRING=Host=127.0.0.1;Port=$pg_port;Database=kraliki;Username=kraliki;Password=$pg_password"
    "KRALIKI__REDIS__CONNECTIONSTRING=127.0.0.1:$redis_port,password=$redis_password"
    "KRALIKI__CLUSTER__ID=local" "KRALIKI__CLUSTER__SILOPORT=${silo_ports[n - 1]}"
    "KRALIKI__CARRIERS__TWILIO__ACCOUNTSID=$account_sid" "KRALIKI__CARRIERS__TWILIO__AUTHTOKEN=$auth_token"
    "KRALIKI__CARRIERS__TWILIO__BASEURL=$carrier"
    "KRALIKI__PROVIDERS__OPENAI__APIKEY=$openai_key" "KRALIKI__PROVIDERS__OPENAI__BASEURL=$provider"
    "DOTNET_TieredPGO=0" "LOGGING__CONSOLE__FORMATTEROPTIONS__TIMESTAMPFORMAT=HH:mm:ss.fff "
  )
  for setting in "${node_settings[@]}"; do
    settings+=("KRALIKI__$(tr '[:lower:]' '[:upper:]' <<<"${setting%%=*}" | sed 's/:/__/g')=${setting#*=}")
  done
  launch "node$n" env --chdir="$server" "${settings[@]}" "$server/Kraliki.Server" \
    --urls "http://127.0.0.1:${node_ports[n - 1]}"
}

node_ready() { wait_for 60 "node$1" answers "http://127.0.0.1:${node_ports[$1 - 1]}/health/ready"; }

# ---- state: D/state is read by this script, D/cluster.json by programs --------------------------------------------------------

remember() {
  (umask 077
    declare -p configuration server carrier provider url master_key pg_port pg_password redis_port redis_password sim_twilio_port sim_openai_port \
      account_sid auth_token openai_key proxy_port node_ports silo_ports node_settings password nginx | sed -e 's/^declare -- /declare -g -- /' -e 's/^declare -a /declare -ga /' >"$dir/state"
    list() { local IFS=,; echo "$*"; }
    cat >"$dir/cluster.json" <<JSON
{
  "url": "$url",
  "users": ["admin@demo.example", "supervisor@demo.example", "operator@demo.example"], "password": "$password",
  "nodes": [$(for n in "${!node_ports[@]}"; do ((n)) && printf ', '; printf '{"url": "http://127.0.0.1:%s", "silo_port": %s}' "${node_ports[n]}" "${silo_ports[n]}"; done)],
  "carrier": {"base_url": "$carrier", "account_sid": "$account_sid", "auth_token": "$auth_token"},
  "provider": {"base_url": "$provider", "key": "$openai_key"},
  "postgres": "Host=127.0.0.1;Port=$pg_port;Database=kraliki;Username=kraliki;Password=$pg_password",
  "redis": "127.0.0.1:$redis_port,password=$redis_password"
}
JSON
  )
}

recall() { [[ -f $dir/state ]] || fail "No cluster in $dir: $0 up"; . "$dir/state"; }

members() { echo postgres redis simulators; for n in "${!node_ports[@]}"; do echo "node$((n + 1))"; done; echo proxy; }

member() {
  case $what in
    postgres | redis | proxy | simulators) echo "$what" ;;
    [1-9] | [1-9][0-9]) ((what <= ${#node_ports[@]})) && echo "node$what" ;;
    node[1-9]*) echo "$what" ;;
  esac
}

build() {
  ((build)) || return 0
  local project
  for project in src/Kraliki.Server sim/Kraliki.Simulators; do
    dotnet build "$repository/$project" -c "$configuration" --verbosity quiet --nologo || return 1
  done
}

up() {
  [[ $nodes =~ ^[1-9][0-9]?$ ]] || fail "--nodes takes a number from 1 to 99."
  nginx=$(PATH=$PATH:/usr/sbin command -v nginx) || fail "nginx is missing: apt-get install nginx-light"
  command -v redis-server >/dev/null || fail "Redis is missing: apt-get install redis-server"
  build || fail "The build failed."
  if [[ -f $dir/state ]]; then (recall; running) && fail "A cluster runs in $dir already: $0 status, $0 down"; fi
  # Only a directory of ours is emptied.
  [[ ! -e $dir || -f $dir/state || -z $(ls -A "$dir") ]] || fail "$dir holds something else: choose another --dir."
  rm -rf "$dir"; mkdir -p "$dir/run" "$dir/logs" || exit 1
  # The user postgres passes through to its own folder; the rest is not for it to see.
  chmod 711 "$dir"; chmod 700 "$dir/run" "$dir/logs"

  server=${server:-$repository/src/Kraliki.Server/bin/$configuration/net10.0}
  [[ -x $server/Kraliki.Server ]] || fail "There is no Kraliki.Server in $server."
  local n taken=() drawn
  node_ports=() silo_ports=() node_settings=("${extra[@]}")
  free_port; proxy_port=$drawn; free_port; pg_port=$drawn; free_port; redis_port=$drawn
  for ((n = 1; n <= nodes; n++)); do free_port; node_ports+=("$drawn"); free_port; silo_ports+=("$drawn"); mkdir -m 700 "$dir/node$n"; done
  sim_twilio_port="" sim_openai_port=""
  if [[ -z $carrier || -z $provider ]]; then
    free_port; sim_twilio_port=$drawn; free_port; sim_openai_port=$drawn
    carrier=http://127.0.0.1:$sim_twilio_port provider=http://127.0.0.1:$sim_openai_port/v1
  fi
  url=http://127.0.0.1:$proxy_port master_key=$(secret 32) pg_password=$(hex 16) redis_password=$(hex 16) password=$(hex 8)
  # A test's simulators have to know these before they start.
  account_sid=${KRALIKI_ACCOUNT_SID:-AC$(hex 16)} auth_token=${KRALIKI_AUTH_TOKEN:-$(hex 16)} openai_key=${KRALIKI_OPENAI_KEY:-sk-$(hex 16)}
  remember
  # Whichever node makes the demo's accounts first, they get this password on all of them.
  for ((n = 1; n <= nodes; n++)); do
    (umask 077; printf '{"url": "%s", "password": "%s", "users": ["admin@demo.example", "supervisor@demo.example", "operator@demo.example"]}\n' \
      "$url" "$password" >"$dir/node$n/demo-credentials.json")
  done

  trap 'echo "Interrupted." >&2; down; exit 130' INT TERM
  start_postgres && create_database && start_redis && start_simulators || { down; fail "Not started."; }
  for ((n = 1; n <= nodes; n++)); do launch_node "$n"; done
  for ((n = 1; n <= nodes; n++)); do node_ready "$n" || { down; fail "Not started."; }; done
  start_proxy && wait_for 10 proxy answers "$url/health/ready" || { down; fail "Not started."; }
  trap - INT TERM

  cat <<TEXT

  Kraliki runs on $nodes node(s):  $url
  Sign in as operator@demo.example with the password  $password

  Let somebody call and watch the call in the console:   deploy/cluster.sh call
  Kill the node that has it, and see it come back:       deploy/cluster.sh status; deploy/cluster.sh kill 1
  Stop everything:                                       deploy/cluster.sh down
TEXT
}

running() { local name; for name in $(members); do pid_of "$name" >/dev/null && return 0; done; return 1; }

down() {
  local name all
  # The proxy first, so that nobody new comes in; PostgreSQL last, so that everything can be saved.
  for name in proxy $(for n in "${!node_ports[@]}"; do echo "node$((n + 1))"; done) simulators redis postgres; do
    pid_of "$name" >/dev/null || continue
    all=$(family "$name")
    # shellcheck disable=SC2086
    kill -CONT $all 2>/dev/null
    # PostgreSQL: INT is its fast shutdown. The nodes stop at once, their calls have nowhere to go.
    case $name in
      postgres) kill -INT "$(pid_of postgres)" 2>/dev/null ;;
      node*) kill -KILL "$(pid_of "$name")" 2>/dev/null ;;
      *) kill -TERM "$(pid_of "$name")" 2>/dev/null ;;
    esac
    gone "$name" 100 || signal "$name" KILL
    rm -f "$dir/run/$name.pid"
  done
}

status() {
  local name pid state
  printf '%s  (password of operator@demo.example: %s)\n' "$url" "$password"
  for name in $(members); do
    state="" pid=$(pid_of "$name") || { [[ -f $dir/run/$name.pid ]] && printf '%-11s dead\n' "$name"; continue; }
    [[ $(ps -o state= -p "$pid") == T ]] && state=paused
    case $name in
      node*) [[ -n $state ]] || { answers "http://127.0.0.1:${node_ports[${name#node} - 1]}/health/ready" && state=ready || state="not ready"; }
        state+=", $(sessions_of "${name#node}") calls" ;;
    esac
    printf '%-11s pid %-8s %s\n' "$name" "$pid" "${state:-runs}"
  done
}

# Which node holds how many calls is in the database: a session knows the silo that runs it, address:port@generation.
sessions_of() {
  PGPASSWORD=$pg_password psql -h 127.0.0.1 -p "$pg_port" -U kraliki -d kraliki -qAtc \
    "select count(*) from sessions where node like '%:${silo_ports[$1 - 1]}@%'" 2>/dev/null || echo "?"
}

place_call() {
  local body
  # The fragment asks the carrier to try again when a node dies with its webhook (docs/protocols/twilio.md).
  local again='#rc=5&rp=ct,rt,5xx&ct=1000'
  printf -v body '{"voice_url": "%s/telephony/twilio/voice%s", "status_url": "%s/telephony/twilio/status%s", "script": "%s"}' "$url" "$again" "$url" "$again" "${what:-$here/endless.yaml}"
  curl --silent --show-error --fail-with-body --json "$body" "$carrier/_control/calls" && printf '\nWatch it: %s (sign in as operator@demo.example, password %s)\n' "$url" "$password"
}

start_member() {
  pid_of "$1" >/dev/null && fail "$1 runs already."
  case $1 in
    postgres) start_postgres ;;
    redis) start_redis ;;
    simulators) start_simulators ;;
    proxy) start_proxy ;;
    node*) launch_node "${1#node}" && { [[ ${KRALIKI_DO_NOT_WAIT:-} ]] || node_ready "${1#node}"; } ;;
  esac
}

case $verb in
  up) up ;;
  down) recall; down; echo "Stopped. What it wrote is in $dir until the next up." ;;
  status) recall; status ;;
  call) recall; place_call ;;
  crash) recall; pid=$(pid_of proxy) || fail "The proxy does not run."; pkill -KILL -P "$pid" ;;
  flush) recall; REDISCLI_AUTH=$redis_password redis-cli -h 127.0.0.1 -p "$redis_port" flushall ;;
  kill | stop | pause | resume | start | logs)
    recall
    name=$(member) || true
    [[ -n $name ]] || fail "$verb what? A node's number, postgres, redis, proxy or simulators."
    case $verb in
      kill) signal "$name" KILL && gone "$name" 50 ;;
      # PostgreSQL's children would take TERM for an order of their own; the first process tells them.
      stop) pid=$(pid_of "$name") || fail "$name does not run."; kill -TERM "$pid" && { [[ ${KRALIKI_DO_NOT_WAIT:-} ]] || gone "$name" 1200; } ;;
      pause) signal "$name" STOP ;;
      resume) signal "$name" CONT ;;
      start) start_member "$name" ;;
      logs) exec tail -n "${LINES_SHOWN:-100}" -F "$dir/logs/$name.log" ;;
    esac ;;
  *) fail "Unknown word '$verb': $0 --help" ;;
esac
