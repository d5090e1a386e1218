# Sourced by the `run` scripts beside it.
#
# serve BINARY [SETTING=VALUE ...]
#   Starts BINARY on a free port, or on $BIND, with a temporary database, waits until it listens, and stops it at
#   exit. Sets $api, the URL of the API, and $work, a temporary folder with `log` (JSON lines) and `mails`.
serve() {
  local binary
  binary=$(realpath "$1")
  shift
  work=$(mktemp -d)
  # It is read before the server has made it.
  : >"$work/log"
  # Port 0 selects a free port, reported in the log, without a race.
  env INVENTREE_LOGIN_ENABLE_REG=true INVENTREE_RATE_LIMITS=off INVENTREE_JSON_LOG=true "$@" \
    "$binary" serve --bind "${BIND:-127.0.0.1:0}" --database "$work/auth.sqlite3" >"$work/mails" 2>"$work/log" &
  server=$!
  trap 'kill $server 2>/dev/null; wait $server 2>/dev/null; rm -rf "$work"' EXIT
  until api=http://$(sed -n 's/.*"listening".*"address":"\([^"]*\)".*/\1/p' "$work/log" | grep .); do
    kill -0 $server || { cat "$work/log"; return 1; }
    sleep 0.1
  done
}

# walk BINARY COMMAND ...
#   Runs COMMAND against BINARY and returns its exit code. COMMAND receives email: it first writes the
#   port of its SMTP server, then reads the URL of the API.
walk() {
  local binary=$1 port pid
  shift
  coproc walker { exec "$@"; }
  # Duplicated, since bash closes the pipes of a coprocess when it exits.
  pid=$walker_PID
  exec 3<&"${walker[0]}" 4>&"${walker[1]}"
  read -r port <&3
  serve "$binary" INVENTREE_EMAIL_HOST=127.0.0.1 INVENTREE_EMAIL_PORT="$port"
  echo "$api" >&4
  cat <&3
  wait "$pid"
}
