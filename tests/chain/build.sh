#!/usr/bin/env bash
# Builds the test chain into <repo>/target/chain/irita and prints that path.
# With an argument: builds a second program, <repo>/target/chain/NAME/irita, that knows the upgrade plan NAME.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$here/../../target/chain
flags='-s -w'
if [ $# -gt 0 ]; then
    out=$out/$1
    flags="$flags -X main.plan=$1"
fi
mkdir -p "$out"
out=$(cd "$out" && pwd)/irita
cd "$here"
# The go tool itself does nothing when sources, modules and flags are those of the last build.
CGO_ENABLED=0 go build -mod=readonly -buildvcs=false -trimpath -ldflags "$flags" -o "$out" . >&2
echo "$out"
