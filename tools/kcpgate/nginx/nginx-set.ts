import type { FrontConfig } from '../../../src/gateway/config/config.ts';
import { includeFolder } from './directives.ts';
import { httpFile } from './http-file.ts';
import { type FrontKind, gatewaysOf, renderIncludeFiles } from './include-files.ts';
import { mainFile, streamCommonFile } from './main-file.ts';
import { PACKAGED_FILES, readPackagedFile } from './packaged-files.ts';
import { sysctlFile, transparentServiceFile } from './system-files.ts';
import { sharedFile, tcpFile } from './tcp-files.ts';
import { UDP_VARIANTS, udpFile, udpFileName } from './udp-files.ts';

/** A configuration of nginx. Names are paths from the folder of `nginx.conf`, with `/`. */
export interface NginxSet {
  /** Texts by name. */
  readonly files: ReadonlyMap<string, string>;
  /** The same, of files that the checker rewrites from then on. */
  readonly includeFiles: ReadonlyMap<string, string>;
  /** Names of files that another configuration would have and this one has not: where they are from before, they must go. */
  readonly absent: readonly string[];
}

/** Everything that nginx in front of these gateways needs. @throws Error when the package is not complete. */
export function renderNginxSet(front: FrontConfig): NginxSet {
  const files = new Map<string, string>([
    ['nginx.conf', mainFile(front)],
    ['stream.d/00-common.conf', streamCommonFile(front)],
    ...udpFiles(front),
    ...connectionFiles(front),
    ['sysctl.d/90-kcpgate.conf', sysctlFile(front)],
    ...PACKAGED_FILES.map((name) => [name, readPackagedFile(name)] as const),
  ]);
  const includeFiles = [...renderIncludeFiles(front.gateways, new Map(), 'kcpgate nginx')].map(
    ([name, text]) => [`${includeFolder(front)}/${name}`, text] as const,
  );
  const absent = CHANGING_FILES.filter((name) => !files.has(name));
  return { files, includeFiles: new Map(includeFiles), absent };
}

/** All variants, and all but the chosen one switched off by their names. */
function udpFiles(front: FrontConfig): [string, string][] {
  const { udpPort } = front;
  if (udpPort === null || !has(front, 'udp')) return [];
  const families = new Set(gatewaysOf(front.gateways, 'udp').map(({ udp }) => udp?.family));
  const variants = UDP_VARIANTS.filter((variant) => variant !== 'transparent' || families.size === 1);
  const files = variants.map((variant): [string, string] => {
    const name = udpFileName(variant);
    const isActive = variant === front.udpBalancing;
    return [isActive ? name : `${name}${OFF}`, udpFile(front, udpPort, variant)];
  });
  if (variants.includes('transparent')) files.push([TRANSPARENT_SERVICE, transparentServiceFile(front)]);
  return files;
}

function connectionFiles(front: FrontConfig): [string, string][] {
  const { tcpPort, sharedPort, httpPort } = front;
  const files: [string, string][] = [];
  if (has(front, 'tcp')) {
    if (tcpPort !== null || sharedPort !== null) files.push([TCP, tcpFile(front)]);
    if (sharedPort !== null) files.push([SHARED, sharedFile(front, sharedPort)]);
  }
  if (has(front, 'http') && (sharedPort !== null || httpPort !== null)) files.push([HTTP, httpFile(front)]);
  return files;
}

function has({ gateways }: FrontConfig, kind: FrontKind): boolean {
  return gatewaysOf(gateways, kind).length > 0;
}

const OFF = '.off';
const TCP = 'stream.d/20-kcp-tcp.conf';
const SHARED = 'stream.d/30-shared-443.conf';
const HTTP = 'http.d/40-kcp-ws.conf';
const TRANSPARENT_SERVICE = 'systemd/kcpgate-tproxy@.service';

/** What some configurations have and others do not. */
const CHANGING_FILES: readonly string[] = [
  ...UDP_VARIANTS.map(udpFileName).flatMap((name) => [name, `${name}${OFF}`]),
  TCP,
  SHARED,
  HTTP,
  TRANSPARENT_SERVICE,
];
