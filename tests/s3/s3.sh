#!/usr/bin/env bash
# A server that speaks S3 on loopback, for tests: Versity's gateway over a folder, with the bucket `ward`.
#
#   s3.sh fetch        only build it (from Go's module proxy, into the user's cache; about a minute, once)
#   s3.sh start DIR    start one that keeps everything in DIR; writes DIR/environment, what a client needs
#   s3.sh stop DIR     stop it; a start in the same DIR finds its objects and its port
#
# Exit: 0 done, 1 failed, 2 wrong usage.
set -euo pipefail

VERSION=v1.8.0
BINARY=${XDG_CACHE_HOME:-$HOME/.cache}/wardwatch/versitygw-$VERSION/versitygw
KEY=ward
SECRET=secret-of-the-ward

say() { echo "s3.sh: $*" >&2; }

fetch() {
  [[ ! -x $BINARY ]] || return 0
  command -v go >/dev/null || { say "go is missing (Debian: golang-go, or https://go.dev)"; exit 1; }
  say "building versitygw $VERSION into $(dirname "$BINARY") (a minute, once)"
  GOBIN=$(dirname "$BINARY") GOFLAGS=-mod=mod go install "github.com/versity/versitygw/cmd/versitygw@$VERSION" >&2
}

start() { # DIR
  fetch
  mkdir -p "$1/objects/ward"
  local dir port
  dir=$(cd "$1" && pwd)
  port=$(cat "$dir/port" 2>/dev/null || echo $((17000 + RANDOM % 1000)))
  echo "$port" >"$dir/port"
  setsid "$BINARY" --access "$KEY" --secret "$SECRET" --port "127.0.0.1:$port" posix "$dir/objects" \
    </dev/null >"$dir/log" 2>&1 &
  echo "$!" >"$dir/pid"
  printf '%s\n' "AWS_ENDPOINT=http://127.0.0.1:$port" AWS_ALLOW_HTTP=true AWS_REGION=us-east-1 \
    "AWS_ACCESS_KEY_ID=$KEY" "AWS_SECRET_ACCESS_KEY=$SECRET" >"$dir/environment"
  for _ in {1..100}; do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then return 0; fi
    sleep 0.1
  done
  tail -n 5 "$dir/log" >&2
  say "it does not answer"
  exit 1
}

stop() { # DIR
  local pid
  pid=$(cat "$1/pid" 2>/dev/null) || return 0
  if [[ $(readlink "/proc/$pid/exe" 2>/dev/null) == "$BINARY" ]]; then kill "$pid"; fi
  rm -f "$1/pid"
}

case ${1:-} in
  fetch) [[ $# -eq 1 ]] && fetch ;;
  start) [[ $# -eq 2 ]] && start "$2" ;;
  stop) [[ $# -eq 2 ]] && stop "$2" ;;
  *) sed -n '4,6s/^# *//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
