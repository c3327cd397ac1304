import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Files of the set that are the same for every configuration. */
export const PACKAGED_FILES = [
  'njs/kcp-route.js',
  'systemd/kcpgate-http@.socket',
  'systemd/kcpgate-tcp@.socket',
  'systemd/kcpgate-udp@.socket',
  'systemd/kcpgate-upstream-check.service',
  'systemd/kcpgate@.service',
  'systemd/nginx.service.d/kcpgate.conf',
] as const;

/** Their text, from the folder `nginx` of this package. @throws Error when the package is not complete. */
export function readPackagedFile(name: (typeof PACKAGED_FILES)[number]): string {
  // By the package's own name, so that it is found from the sources as well as from the build.
  const manifest = createRequire(import.meta.url).resolve('kcpgate/package.json');
  return readFileSync(join(dirname(manifest), 'nginx', name), 'utf8');
}
