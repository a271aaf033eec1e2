# Owns a throw-away PostgreSQL cluster.
#   arguments: directory of PostgreSQL's programs, directory for temporary files, port
#   output:    "ready" once the cluster accepts connections, else what went wrong
# It stops the cluster and removes its data when its standard input ends. The other end of that pipe is held by
# xtask alone, so this happens however xtask ends: by itself, by a panic, by any signal.
set -eu
bin=$1 port=$3
dir=$(mktemp -d "$2/neuralbox-postgres.XXXXXX" 2>&1) || { echo "$dir"; exit 1; }

finish() {
    "$bin/pg_ctl" stop -D "$dir/data" -m immediate >>"$dir/log" 2>&1 || true
    rm -rf "$dir"
}
trap finish EXIT
# PIPE: xtask has gone before it could hear of the cluster.
trap 'exit 1' HUP INT TERM PIPE

fail() {
    echo "$1; the end of its log:"
    tail -n 20 "$dir/log"
    exit 1
}

"$bin/initdb" -D "$dir/data" -U neuralbox -A trust -E UTF8 --locale=C --no-sync </dev/null >"$dir/log" 2>&1 ||
    fail "initdb failed"

# Nothing here has to survive a crash, so nothing waits for the disk.
cat >>"$dir/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = ''
max_connections = 200
shared_buffers = 128MB
fsync = off
full_page_writes = off
CONF

"$bin/pg_ctl" start -D "$dir/data" -l "$dir/log" -w -t 60 </dev/null >>"$dir/log" 2>&1 ||
    fail "PostgreSQL does not start on port $port"
echo ready
# Blocks until the pipe closes; xtask never writes to it.
read -r _ || true
