import { Option, type Command } from 'commander';
import { addConfigOptions, CONFIG_HELP } from '../config-options.ts';
import type { NginxOptions } from './nginx.ts';

/** Adds `nginx` to the program. */
export function addNginxCommand(program: Command): void {
  const command = program
    .command('nginx')
    .description('make the configuration of an nginx in front of gateways');
  addConfigOptions(command)
    .option('--out <folder>', 'where to write it: the folder of nginx.conf, usually /etc/nginx')
    .option('--check', 'write nothing: is the folder of --out what would be written?', false)
    .option('--force', 'also write the files that upstream-check has rewritten: all gateways up', false)
    .addOption(
      new Option(
        '--print <file>',
        'print one file of the set, such as stream.d/11-kcp-udp-active.conf',
      ).conflicts(['out', 'check', 'force']),
    )
    .addHelpText('after', HELP + CONFIG_HELP + EXIT_CODES)
    .action(async (options: NginxOptions) => {
      const { nginx } = await import('./nginx.ts');
      process.exitCode = nginx(options, process.stdout, process.stderr);
    });
}

const HELP = `
Examples:
  kcpgate nginx -c gateway.yaml                            the files there would be
  kcpgate nginx -c gateway.yaml --out /etc/nginx           write them, then: nginx -t && nginx -s reload
  kcpgate nginx -c gateway.yaml --out /etc/nginx --check   is it still what the configuration says?
  kcpgate nginx -c gateway.yaml --print nginx.conf

Gateways, ports and everything else are in the section front of the configuration. What another configuration wrote
and this one has no use for is removed; files that are not of kcpgate are left alone.
`;

const EXIT_CODES = `
Exit codes:
  0  done
  1  failed; with --check: something differs
  2  invalid configuration or command line`;
