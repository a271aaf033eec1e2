# Owns a throw-away PostgreSQL cluster.
#   arguments: directory of PostgreSQL's programs, directory for temporary files, port, and `durable` where commits wait for the disk
#   output:    "ready" once the cluster accepts connections, else what went wrong
#   input:     "crash" ends it at once, as a crash would, and "start" starts it again; each is answered by "done"
# It stops the cluster and removes its data when its standard input ends. The other end of that pipe is held by
# xtask alone, so this happens however xtask ends: by itself, by a panic, by any signal.
set -eu
bin=$1 port=$3 kind=${4:-}
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

if [ "$kind" = durable ]; then
    # What is committed waits for the disk, by default. It has room, like any that is set up for work.
    room="shared_buffers = 512MB
max_wal_size = 4GB"
else
    # Crashes of PostgreSQL are survived here, those of the machine need not be: so nothing waits for the disk.
    room="shared_buffers = 128MB
fsync = off"
fi
cat >>"$dir/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = ''
max_connections = 200
$room
CONF

start() {
    "$bin/pg_ctl" start -D "$dir/data" -l "$dir/log" -w -t 60 </dev/null >>"$dir/log" 2>&1 ||
        fail "PostgreSQL does not start on port $port"
}

start
echo ready
# Blocks until the pipe closes.
while read -r command; do
    case $command in
    crash) "$bin/pg_ctl" stop -D "$dir/data" -m immediate </dev/null >>"$dir/log" 2>&1 || fail "it does not stop" ;;
    start) start ;;
    esac
    echo done
done
