#!/usr/bin/env bash
# Installs, from Debian, the programs the test suites talk to, and what builds the native addon. Safe to run again: what is there is left alone.
set -euo pipefail

# package | what for
PEERS='
golang-go                       | builds the Go programs under test/peers
golang-github-xtaci-kcp-dev     | kcp-go, the stock KCP peer and the reference of the golden traces
golang-github-xtaci-smux-dev    | smux, the multiplexer of kcptun
kcptun                          | a stock KCP tunnel, client and server
iperf3                          | TCP load through a tunnel
iproute2                        | networks of their own for tests and `kcpgate bench latency`
python3-cryptography            | for the client in test/peers/python
chromium                        | the browser that runs kcpgate/browser
nginx-light                     | the proxy in front of gateways, with
libnginx-mod-stream             | its part for UDP and TCP, and
libnginx-mod-stream-js          | what routes there by gateway
tshark                          | reads the captures that are written, writes ones that are read
tcpdump                         | captures live
g++                             | builds the native addon, with
make                            | this
python3                         | and this, for node-gyp
'

# What Debian asks whether a service may start.
POLICY=/usr/sbin/policy-rc.d

main() {
  local missing=()
  while IFS='|' read -r package _; do
    package="${package// /}"
    if [[ -n "$package" ]] && ! is_installed "$package"; then missing+=("$package"); fi
  done <<<"$PEERS"

  if [[ ${#missing[@]} -eq 0 ]]; then
    echo 'setup-peers: everything is installed'
    return
  fi
  echo "setup-peers: installing ${missing[*]}"
  command -v apt-get >/dev/null || fail "no apt-get here; install by hand: ${missing[*]}"
  keep_services_off
  as_root apt-get -o DPkg::Lock::Timeout=120 update -qq
  as_root apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends -qq "${missing[@]}"
}

# Tests start what they need themselves; the service of a package (nginx) would take port 80, or fail where it is taken.
keep_services_off() {
  [[ -e "$POLICY" ]] && return
  as_root sh -c 'printf "#!/bin/sh\nexit 101\n" >"$0" && chmod 755 "$0"' "$POLICY"
  trap 'as_root rm -f "$POLICY"' EXIT
}

is_installed() {
  [[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]
}

as_root() {
  local quiet=(env DEBIAN_FRONTEND=noninteractive)
  if [[ $EUID -eq 0 ]]; then
    "${quiet[@]}" "$@" </dev/null
  elif command -v sudo >/dev/null; then
    sudo -n "${quiet[@]}" "$@" </dev/null || fail 'that needs root: run this script as root, or allow sudo without a password'
  else
    fail 'installing needs root: run this script as root, or install sudo'
  fi
}

fail() {
  echo "setup-peers: $1" >&2
  exit 1
}

main
