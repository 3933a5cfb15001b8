#!/usr/bin/env bash
# A real Apache Kafka (KRaft, broker and controller in one process) on loopback, for tests: one broker, or three.
#
#   kafka.sh start DIR [PORT]   start a broker that keeps everything in DIR; prints its bootstrap address
#   kafka.sh secured DIR        start a broker with TLS, users and permissions (see secured.sh); nobody may anything yet
#   kafka.sh three DIR          start three brokers, each with a folder in DIR; three copies, two of them needed
#   kafka.sh kill DIR N         end the Nth of three as kill -9 does
#   kafka.sh again DIR N        start it again
#   kafka.sh stop DIR           stop all of DIR; it stays, and a start in it again finds its topics and its port
#   kafka.sh tool CLASS ARG…    run one of Kafka's own tools, e.g. tool TopicCommand --list --bootstrap-server …
#   kafka.sh fetch              only download the jars (into $WARDWATCH_KAFKA_JARS, or the user's cache)
#
# With WARDWATCH_KAFKA_PROXIED=PORT:PROXY_PORT the broker also listens at PORT for clients of a proxy at PROXY_PORT.
# With WARDWATCH_TEST_BROKERS set, `start` prints that address and starts nothing.
# Standard output carries the address only; everything else goes to standard error.
# DIR holds: server.properties, data/, broker.log, broker.pid, bootstrap (the address).
# Exit: 0 done, 1 failed, 2 wrong usage.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
VERSION=$(sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' "$HERE/pom.xml")
JARS=${WARDWATCH_KAFKA_JARS:-${XDG_CACHE_HOME:-$HOME/.cache}/wardwatch/kafka-$VERSION}
# The controller insists on a cluster id; a fixed one lets the same DIR be started again.
CLUSTER_ID=4L6g3nShT-eMCtK--X86sw
START_SECONDS=120
STOP_SECONDS=20
# The first compiler tier alone starts in less time and suits a broker that lives for minutes.
JAVA=(java -Xms384m -Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Djava.net.preferIPv4Stack=true)

say() { echo "kafka.sh: $*" >&2; }
fail() { say "$*"; exit 1; }
usage() { sed -n '4,11s/^# *//p' "${BASH_SOURCE[0]}" >&2; exit 2; }

fetch() {
  [[ ! -d $JARS ]] || return 0
  for tool in java mvn; do
    command -v "$tool" >/dev/null || fail "$tool is missing (Debian: openjdk-17-jdk-headless, maven)"
  done
  say "downloading Kafka $VERSION to $JARS (44 MB, once)"
  mkdir -p "$(dirname "$JARS")"
  # Into a folder of its own first, so that a broken download is never taken for a whole one.
  local part
  part=$(mktemp -d "$JARS.XXXXXX")
  if ! mvn -q -B -C -Dstyle.color=never -f "$HERE/pom.xml" dependency:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$part" </dev/null >&2; then
    rm -rf "$part"
    fail "the jars of Kafka $VERSION could not be downloaded"
  fi
  # Another start may have been quicker: its jars are the same.
  mv -T "$part" "$JARS" 2>/dev/null || rm -rf "$part"
}

# A pid file outlives its process after a crash, and the number may by then be someone else's.
is_ours() { # PID DIR
  { tr '\0' ' ' <"/proc/$1/cmdline"; } 2>/dev/null | grep -qF "kafka.Kafka $2/server.properties"
}

# Ports below the kernel's ephemeral range, so that no outgoing connection sits on one.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 10000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
}

# True once the broker answers an ApiVersions request (key 18, version 0, correlation 7, no client id)
# with that correlation number.
answers() { # PORT
  local reply
  reply=$(
    exec 2>/dev/null
    exec 3<>"/dev/tcp/127.0.0.1/$1"
    printf '\0\0\0\x0a\0\x12\0\0\0\0\0\x07\xff\xff' >&3
    timeout 2 head -c 8 <&3 | od -An -tx1 | tr -d ' \n'
  ) || return 1
  [[ ${reply:8} == 00000007 ]]
}

source "$HERE/secured.sh"

configure() { # DIR PORT
  local dir=$1 port=$2 controller proxied=${WARDWATCH_KAFKA_PROXIED:-}
  controller=$(free_port)
  {
    cat "$HERE/broker.properties"
    echo "listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller${proxied:+,PROXIED://127.0.0.1:${proxied%:*}}"
    echo "advertised.listeners=PLAINTEXT://127.0.0.1:$port${proxied:+,PROXIED://127.0.0.1:${proxied#*:}}"
    echo "controller.quorum.voters=1@127.0.0.1:$controller"
    echo "log.dirs=$dir/data"
  } >"$dir/server.properties"
}

# Of a property that is given twice the last counts.
configure_three() { # DIR
  local node ports=() controllers=()
  for node in 1 2 3; do
    ports+=("$(free_port)")
    controllers+=("$(free_port)")
  done
  for node in 1 2 3; do
    mkdir -p "$1/$node"
    {
      cat "$HERE/broker.properties"
      echo "node.id=$node"
      echo "listeners=PLAINTEXT://127.0.0.1:${ports[node - 1]},CONTROLLER://127.0.0.1:${controllers[node - 1]}"
      echo "advertised.listeners=PLAINTEXT://127.0.0.1:${ports[node - 1]}"
      echo "controller.quorum.voters=1@127.0.0.1:${controllers[0]},2@127.0.0.1:${controllers[1]},3@127.0.0.1:${controllers[2]}"
      echo "log.dirs=$1/$node/data"
      printf '%s=3\n' default.replication.factor offsets.topic.replication.factor transaction.state.log.replication.factor
      printf '%s=2\n' min.insync.replicas transaction.state.log.min.isr
      # By default the others wait 9 s before they take a dead broker's partitions over.
      echo "broker.session.timeout.ms=6000"
      echo "broker.heartbeat.interval.ms=1000"
    } >"$1/$node/server.properties"
    echo "127.0.0.1:${ports[node - 1]}" >"$1/$node/bootstrap"
  done
  cat "$1"/{1,2,3}/bootstrap | paste -sd, >"$1/bootstrap"
}

three() { # DIR
  mkdir -p "$1"
  local dir node
  dir=$(cd "$1" && pwd)
  fetch
  configure_three "$dir"
  # One by one they would wait for each other.
  for node in 1 2 3; do launch "$dir/$node"; done
  for node in 1 2 3; do await "$dir/$node"; done
  cat "$dir/bootstrap"
}

secured() { # DIR
  command -v openssl >/dev/null || fail "openssl is missing (Debian: openssl)"
  mkdir -p "$1"
  local dir plain
  dir=$(cd "$1" && pwd)
  fetch
  plain=$(free_port)
  [[ -s $dir/ca.pem ]] || make_keys "$dir"
  {
    cat "$HERE/broker.properties"
    secure "$dir" "$plain" "$(free_port)" "$(free_port)" "$(free_port)" "$(free_port)"
  } >"$dir/server.properties"
  printf '%s\n' --add-scram 'SCRAM-SHA-512=[name=engine,password=engine-secret]' \
    --add-scram 'SCRAM-SHA-512=[name=newcomer,password=newcomer-secret]' >"$dir/format.options"
  echo "-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=file://$dir/jwks.json" >"$dir/java.options"
  echo "127.0.0.1:$plain" >"$dir/bootstrap"
  launch "$dir"
  await "$dir"
  cat "$dir/bootstrap"
}

start() { # DIR [PORT]
  if [[ -n ${WARDWATCH_TEST_BROKERS:-} ]]; then
    say "using the broker given by WARDWATCH_TEST_BROKERS"
    echo "$WARDWATCH_TEST_BROKERS"
    return
  fi
  mkdir -p "$1"
  local dir port pid
  dir=$(cd "$1" && pwd)
  if pid=$(cat "$dir/broker.pid" 2>/dev/null) && is_ours "$pid" "$dir"; then
    fail "a broker already runs in $dir (process $pid)"
  fi
  fetch
  port=${2:-}
  [[ -n $port || ! -s $dir/bootstrap ]] || port=$(cut -d: -f2 "$dir/bootstrap")
  port=${port:-$(free_port)}
  configure "$dir" "$port"
  echo "127.0.0.1:$port" >"$dir/bootstrap"
  launch "$dir"
  await "$dir"
  echo "127.0.0.1:$port"
}

launch() { # DIR
  local format=() options=()
  # Of a secured broker: an argument a line.
  [[ ! -s $1/format.options ]] || mapfile -t format <"$1/format.options"
  [[ ! -s $1/java.options ]] || mapfile -t options <"$1/java.options"
  "${JAVA[@]}" -cp "$JARS/*" kafka.tools.StorageTool format --ignore-formatted \
    -t "$CLUSTER_ID" -c "$1/server.properties" "${format[@]}" >"$1/format.log" 2>&1 ||
    { cat "$1/format.log" >&2; fail "the data folder could not be formatted"; }
  : >"$1/broker.log"
  # Its own session: Ctrl-C at the terminal reaches the caller, who then stops the broker in order.
  setsid "${JAVA[@]}" "${options[@]}" -Dorg.apache.logging.log4j.level=INFO -cp "$JARS/*" \
    kafka.Kafka "$1/server.properties" </dev/null >"$1/broker.log" 2>&1 &
  echo "$!" >"$1/broker.pid"
}

await() { # DIR
  local pid port begun=$SECONDS
  pid=$(cat "$1/broker.pid")
  port=$(cut -d: -f2 "$1/bootstrap")
  until grep -q 'Kafka Server started' "$1/broker.log" && answers "$port"; do
    if ! kill -0 "$pid" 2>/dev/null; then
      tail -n 20 "$1/broker.log" >&2
      rm -f "$1/broker.pid"
      fail "the broker ended before it answered; its log is $1/broker.log"
    fi
    if ((SECONDS - begun > START_SECONDS)); then
      tail -n 20 "$1/broker.log" >&2
      stop "$1"
      fail "the broker did not answer within $START_SECONDS s; its log is $1/broker.log"
    fi
    sleep 0.1
  done
  say "Kafka $VERSION answers at 127.0.0.1:$port after $((SECONDS - begun)) s (process $pid, log $1/broker.log)"
}

stop() { # DIR
  local dir pid node begun=$SECONDS
  dir=$(cd "$1" 2>/dev/null && pwd) || return 0
  for node in 1 2 3; do
    # Together: one that is left alone waits for the others.
    pid=$(cat "$dir/$node/broker.pid" 2>/dev/null) && is_ours "$pid" "$dir/$node" && kill "$pid" 2>/dev/null || true
  done
  for node in 1 2 3; do [[ ! -d $dir/$node/data ]] || stop "$dir/$node"; done
  pid=$(cat "$dir/broker.pid" 2>/dev/null) || return 0
  if is_ours "$pid" "$dir"; then
    kill "$pid" 2>/dev/null || true
    while is_ours "$pid" "$dir"; do
      if ((SECONDS - begun > STOP_SECONDS)); then
        say "the broker did not stop within $STOP_SECONDS s; killing it (process $pid)"
        kill -9 "$pid" 2>/dev/null || true
      fi
      sleep 0.1
    done
  fi
  rm -f "$dir/broker.pid"
}

case ${1:-} in
  start) [[ $# -ge 2 && $# -le 3 ]] || usage; start "$2" "${3:-}" ;;
  secured) [[ $# -eq 2 ]] || usage; secured "$2" ;;
  three) [[ $# -eq 2 ]] || usage; three "$2" ;;
  kill)
    [[ $# -eq 3 ]] || usage
    pid=$(cat "$2/$3/broker.pid") && is_ours "$pid" "$2/$3" && kill -9 "$pid"
    ;;
  again)
    [[ $# -eq 3 ]] || usage
    if pid=$(cat "$2/$3/broker.pid" 2>/dev/null) && is_ours "$pid" "$2/$3"; then
      fail "the broker $3 of $2 already runs (process $pid)"
    fi
    fetch
    launch "$2/$3"
    await "$2/$3"
    ;;
  stop) [[ $# -eq 2 ]] || usage; stop "$2" ;;
  fetch) [[ $# -eq 1 ]] || usage; fetch ;;
  tool)
    [[ $# -ge 2 ]] || usage
    fetch
    class=$2
    shift 2
    exec java -Xmx128m -XX:TieredStopAtLevel=1 -cp "$JARS/*" "org.apache.kafka.tools.$class" "$@"
    ;;
  *) usage ;;
esac
