#!/bin/sh
# run.sh SECONDS [quick]: runs every fuzz target for SECONDS (default 10) on stable Rust; `quick` leaves out those whose
# libraries take minutes to build. Fails on the first crash, whose input stays under
# fuzz/artifacts/<target>/. Corpora grow under the target directory; fuzz/seeds/ holds where they start.
set -eu
cd "$(dirname "$0")"
seconds="${1:-10}"
target="${FUZZ_TARGET_DIR:-$PWD/target}"
host="$(rustc -vV | sed -n 's/^host: //p')"
export RUSTC_BOOTSTRAP=1
# With --target, flags reach the code under test and not the build scripts.
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares"
features="--features protocols"
[ "${2:-}" != quick ] || features=""
# shellcheck disable=SC2086 # The features are two words, or none.
cargo build --quiet --release --locked --bins $features --target "$host" --target-dir "$target"
for source in targets/*.rs; do
    name="$(basename "$source" .rs)"
    case "${2:-} $name" in "quick room" | "quick signal_frames" | "quick tokens" | "quick srtp") continue ;; esac
    mkdir -p "$target/corpus/$name" "artifacts/$name"
    echo "fuzzing $name for $seconds s"
    "$target/$host/release/$name" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -max_len=8192 -verbosity=0 -print_final_stats=0 \
        -artifact_prefix="artifacts/$name/" "$target/corpus/$name" "seeds/$name"
done
