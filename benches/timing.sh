#!/usr/bin/env bash
# timing.sh [SAMPLES]: response times for known, inactive and password-less accounts against an unknown one, for
# login, Basic, reset and resend; on a new database, without a mail server and with one that refuses connections.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --quiet
cargo build --release --quiet -p benches --bin timing
work=$(mktemp -d)
server=
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null; rm -rf "$work"' EXIT
measure() {
  INVENTREE_LOGIN_ENABLE_REG=true INVENTREE_RATE_LIMITS=off INVENTREE_LOG_LEVEL=error \
    env "INVENTREE_DB_NAME=$work/$1.sqlite3" "${@:3}" ./target/release/inventree-auth serve --bind 127.0.0.1:8797 2>"$work/log" &
  server=$!
  for _ in $(seq 100); do curl -s -o /dev/null http://127.0.0.1:8797/api/auth/providers/ && break; sleep 0.05; done
  echo "$1"
  ./target/release/timing http://127.0.0.1:8797 "$2" "$work/$1.sqlite3"
  kill "$server"
  wait "$server" || true
}
measure no-mail-server "${1:-400}"
# Nothing listens on port 1.
measure mail-server-down "${1:-400}" INVENTREE_EMAIL_HOST=127.0.0.1 INVENTREE_EMAIL_PORT=1
