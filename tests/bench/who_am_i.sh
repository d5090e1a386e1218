#!/usr/bin/env bash
# GET user by token against a bare dropshot endpoint: both servers up, loaded in turns, five rounds, medians.
# Needs wrk and curl. Loopback only; ends by itself.
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v wrk >/dev/null || { echo "wrk is missing: apt-get install wrk"; exit 1; }
cargo build --release --quiet --bin inventree-auth --example bare
work=$(mktemp -d)
INVENTREE_LOGIN_ENABLE_REG=true INVENTREE_LOG_LEVEL=warning INVENTREE_DB_NAME="$work/auth.sqlite3" \
  ./target/release/inventree-auth serve --bind 127.0.0.1:8793 2>"$work/log" &
server=$!
./target/release/examples/bare 127.0.0.1:8794 &
bare=$!
trap 'kill $server $bare 2>/dev/null; wait $server $bare 2>/dev/null; rm -rf "$work"' EXIT
for port in 8793 8794; do
  for _ in $(seq 100); do curl -s -o /dev/null "http://127.0.0.1:$port/api/auth/user/" && break; sleep 0.05; done
done
grep -i '^Pss:' "/proc/$server/smaps_rollup" | awk '{ print "PSS idle: " $2 / 1024 " MiB" }'
key=$(curl -s http://127.0.0.1:8793/api/auth/registration/ --json \
  '{"username":"amy","email":"amy@example.com","password1":"Zebra-Quartz-77","password2":"Zebra-Quartz-77"}' | cut -d'"' -f4)
load() { wrk -t1 -c32 -d5s "$@" | awk '/Requests\/sec/ { print $2 } /Non-2xx/ { print "failed" }'; }
for round in 1 2 3 4 5; do
  a=$(load -H "Authorization: Token $key" http://127.0.0.1:8793/api/auth/user/)
  b=$(load http://127.0.0.1:8794/api/auth/user/)
  echo "round $round: this server $a/s, bare dropshot $b/s, ratio $(awk "BEGIN { printf \"%.2f\", $a / $b }")"
done | tee "$work/rounds"
sed 's/.*ratio //' "$work/rounds" | sort -n | sed -n 3p | sed 's/^/median ratio: /'
