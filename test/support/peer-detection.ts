import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A program that is not ours and that a suite talks to. */
export type PeerName =
  'kcp-go' | 'kcptun' | 'iperf3' | 'python' | 'chromium' | 'nginx' | 'tshark' | 'tcpdump';

/** What a peer consists of. `tools/setup-peers.sh` installs it. */
interface PeerParts {
  /** Commands looked up in PATH. */
  readonly commands: readonly string[];
  /** Paths that must exist. */
  readonly paths: readonly string[];
}

/** Debian's own: another one in PATH does not have Debian's packages. */
export const PYTHON = '/usr/bin/python3';
export const CHROMIUM = '/usr/bin/chromium';
export const NGINX = '/usr/sbin/nginx';
const NGINX_MODULES = '/usr/lib/nginx/modules';

const PEERS: Readonly<Record<PeerName, PeerParts>> = {
  'kcp-go': { commands: ['go'], paths: ['/usr/share/gocode/src/github.com/xtaci/kcp-go'] },
  kcptun: { commands: ['kcptun-client', 'kcptun-server'], paths: [] },
  iperf3: { commands: ['iperf3'], paths: [] },
  chromium: { commands: [], paths: [CHROMIUM] },
  nginx: {
    commands: [],
    paths: [NGINX, `${NGINX_MODULES}/ngx_stream_module.so`, `${NGINX_MODULES}/ngx_stream_js_module.so`],
  },
  tshark: { commands: ['tshark', 'editcap', 'mergecap', 'text2pcap'], paths: [] },
  tcpdump: { commands: ['tcpdump'], paths: [] },
  python: { commands: [], paths: [PYTHON, '/usr/lib/python3/dist-packages/cryptography'] },
};

/** Every peer a suite may ask for. */
export const PEER_NAMES = Object.keys(PEERS) as readonly PeerName[];

/** What of a peer is not on this machine: commands and paths; empty when it can be used. */
export function missingParts(name: PeerName): string[] {
  const { commands, paths } = PEERS[name];
  return [...commands.filter((command) => !isInPath(command)), ...paths.filter((path) => !existsSync(path))];
}

/** Whether a missing peer is a failure (`KCPGATE_REQUIRE_PEERS=1`) instead of a reason to skip. */
export function peersAreRequired(): boolean {
  return process.env.KCPGATE_REQUIRE_PEERS === '1';
}

function isInPath(command: string): boolean {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.some((folder) => isExecutable(join(folder, command)));
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
