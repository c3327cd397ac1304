#!/bin/sh
# Writes the golden traces anew: ./generate.sh [output folder]
#
# kcp-go reads the clock inside its package. For the traces its source, as installed by Debian's
# golang-github-xtaci-kcp-dev, is copied to a temporary folder, its clock is replaced by ours (inside/), and the result is
# thrown away after the run.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
output=${1:-$here/../../../vectors/kcp-go}
installed=${KCP_GO_GOPATH:-/usr/share/gocode}
package=src/github.com/xtaci/kcp-go

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/$package" "$output"
cp "$installed/$package"/*.go "$work/$package/"
rm -f "$work/$package"/*_test.go
sed -i '/^func currentMs() uint32 {.*}$/d' "$work/$package/kcp.go"
cp "$here"/inside/*.go "$work/$package/"

cd "$here"
GO111MODULE=off GOFLAGS= GOPATH="$work:$installed" go build -o "$work/trace" .
"$work/trace" "$output"
