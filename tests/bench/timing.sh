#!/usr/bin/env bash
# timing.sh [SAMPLES]: known against unknown accounts on login, reset and resend, on a fresh database.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --release --quiet --bin inventree-auth --example timing
work=$(mktemp -d)
INVENTREE_LOGIN_ENABLE_REG=true INVENTREE_RATE_LIMITS=off INVENTREE_LOG_LEVEL=error INVENTREE_DB_NAME="$work/auth.sqlite3" \
  ./target/release/inventree-auth serve --bind 127.0.0.1:8797 2>"$work/log" &
server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null; rm -rf "$work"' EXIT
for _ in $(seq 100); do curl -s -o /dev/null http://127.0.0.1:8797/api/auth/providers/ && break; sleep 0.05; done
./target/release/examples/timing http://127.0.0.1:8797 "${1:-400}"
