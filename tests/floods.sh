#!/bin/sh
# What floods cost 200 innocent subscribers of one publisher, on this machine with the release build. Two cores: the server on one; the
# innocents, newcomers and one attacker on the other, who sends a gigabit a second at most. Each run is quiet first, then flooded, then
# quiet again. About a minute a flood, server and repeat at the default settings.
#
#     tests/floods.sh                  all floods
#     tests/floods.sh FLOOD…           these alone: spillway-flood run --help names them
#     BEFORE=folder tests/floods.sh    an older server as well, `folder`/spillway: before and after, interleaved, in one table
#
# BIN (default target/release) holds the server that is judged. The attacker and the generator are those of target/release always.
# REPEATS (default 3), FLOOD_SECONDS (a measurement, default 5), FLOOD_ROWS (measurements under a flood, default 2) and INNOCENTS
# (default 200) set how long and how many.
set -eu
cd "$(dirname "$0")/.."
. tests/bench-servers.sh
after="$(cd "${BIN:-$bin}" && pwd)"
before="${BEFORE:+$(cd "$BEFORE" && pwd)}"
figures="$work/figures"
mkdir -p "$figures"
# Connections that only wait are fewer than the attacker would hold, so that both fit into one process's open files.
export SPILLWAY__API__CONNECTIONS_MAX=4000
# The attacker comes by the machine's outside address, so media is not on loopback alone: on a port that nobody else has.
export SPILLWAY__SFU__PORT=0

# measure FLOOD SERVER REPEAT FOLDER: one run against the server in that folder.
measure() {
    echo "$1, $2, $3 of ${REPEATS:-3}" >&2
    server="$4/spillway" address=0.0.0.0
    start_sfu 18094
    "$bin/spillway-flood" run "$1" --port 18094 --pid "$pid" --pin 0 -n "${INNOCENTS:-200}" --seconds "${FLOOD_SECONDS:-5}" \
        --rows "${FLOOD_ROWS:-2}" --json "$figures/$1.$2.$3.json" 2>"$work/said" || cat "$work/said" >&2
    stop
}

# both FLOOD REPEAT: now one is first, now the other.
both() {
    if [ -z "$before" ]; then measure "$1" after "$2" "$after"
    elif [ $(($2 % 2)) = 1 ]; then measure "$1" before "$2" "$before"; measure "$1" after "$2" "$after"
    else measure "$1" after "$2" "$after"; measure "$1" before "$2" "$before"
    fi
}

describe
echo "after     $after/spillway${before:+; before $before/spillway}"
echo
floods="$*"
[ -n "$floods" ] || floods="data-small data-victim mutes permissions settings metadata offers tcp-frames tcp-silence unread-answers
    slow-heads held-connections"
for repeat in $(seq "${REPEATS:-3}"); do
    for flood in $floods; do both "$flood" "$repeat"; done
done
echo
"$bin/spillway-flood" table "$figures"
