#!/bin/sh
# Instructions that the media plane executes for each packet it forwards, counted by callgrind (the Debian package valgrind). A test of
# the crate `plane` drives a shard with one publisher and fifty subscribers in virtual time, so the figure hardly differs between runs,
# however busy the machine is. The kernel's instructions are not among them.
#
#     tests/instructions.sh                   this tree
#     tests/instructions.sh BEFORE_BINARY     another test binary of `plane` as well, and the difference
#
# The path that is printed first is the binary of this tree: keep it to compare a later one with.
set -eu
cd "$(dirname "$0")/.."
before="${1:-}"
test=every_packet_of_a_publisher_reaches_fifty_subscribers
command -v valgrind >/dev/null || { echo "not run: no valgrind on the path"; exit 0; }
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

# count BINARY: instructions a packet, all and those of AES-GCM (aws-lc's files) alone.
count() {
    valgrind -q --tool=callgrind --collect-atstart=no --toggle-collect='*forward_counted*' --callgrind-out-file="$work/calls" \
        "$1" "$test" --nocapture --test-threads=1 >"$work/log" 2>&1 || { cat "$work/log" >&2; return 1; }
    packets="$(sed -n 's/.*forwarded \([0-9]*\)$/\1/p' "$work/log")"
    [ -n "$packets" ] || { echo "$1 has no test $test" >&2; return 1; }
    # A file's name stands with its number the first time; the line after a call has the callee's instructions, which are counted there.
    awk -v packets="$packets" '
        function named(text,    id) {
            id = substr(text, 1, index(text, ")"))
            if (length(text) > length(id)) names[id] = substr(text, length(id) + 2)
            return names[id]
        }
        /^f[lie]=/ { file = named(substr($0, 4)); next }
        /^cf[il]=/ { named(substr($0, 5)); next }
        /^calls=/ { getline; next }
        /^[-+*0-9]/ { total += $2; if (file ~ /aws-lc\//) cipher += $2 }
        END { if (!total) exit 1; printf "%.0f %.0f\n", total / packets, cipher / packets }' "$work/calls"
}

cargo test --release --locked -p plane --lib --no-run 2>"$work/build" || { cat "$work/build" >&2; exit 1; }
binary="$(sed -n 's/^ *Executable .*(\(.*\))$/\1/p' "$work/build")"
echo "$binary"
now="$(count "$binary")"
echo "now     ${now% *} instructions a forwarded packet, ${now#* } of them AES-GCM's"
[ -n "$before" ] || exit 0
was="$(count "$before")"
echo "before  ${was% *} instructions a forwarded packet, ${was#* } of them AES-GCM's"
echo "$was $now" | awk '{ printf "%+.1f %%; without AES-GCM %+.1f %%\n", 100 * ($3 / $1 - 1), 100 * (($3 - $4) / ($1 - $2) - 1) }'
