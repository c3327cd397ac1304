import { closeCodeName } from '../base/close-code.ts';
import { Command } from './command.ts';
import { hex32 } from './printable.ts';

/** How a header field is called and written in one command. */
export interface FieldMeaning {
  readonly name: string;
  readonly text?: (value: number) => string;
}

/** The header fields that mean something in one command; all others are unused. */
export interface HeaderMeaning {
  readonly frg?: FieldMeaning;
  readonly wnd?: FieldMeaning;
  readonly ts?: FieldMeaning;
  readonly sn?: FieldMeaning;
  readonly una?: FieldMeaning;
}

/** What the header of a segment with this command means. An unknown command may use any field. */
export const headerMeaningOf = (cmd: number): HeaderMeaning => MEANINGS.get(cmd) ?? PUSH;

/** A duration for people. */
export const milliseconds = (value: number): string => `${value}ms`;

const WND: FieldMeaning = { name: 'wnd' };
const UNA: FieldMeaning = { name: 'una' };
const TS: FieldMeaning = { name: 'ts' };
const SN: FieldMeaning = { name: 'sn' };
const PUSH: HeaderMeaning = { frg: { name: 'frg' }, wnd: WND, ts: TS, sn: SN, una: UNA };
const WINDOW: HeaderMeaning = { wnd: WND, una: UNA };
const PATH: HeaderMeaning = { ts: TS };
const PROBE: HeaderMeaning = {
  frg: { name: 'index' },
  ts: TS,
  sn: { name: 'number' },
  una: { name: 'nonce', text: hex32 },
};

const codeText = (code: number): string => `${code}(${closeCodeName(code)})`;

const MEANINGS: ReadonlyMap<number, HeaderMeaning> = new Map<number, HeaderMeaning>([
  [Command.new, PUSH],
  [Command.push, PUSH],
  [Command.ack, { wnd: WND, ts: TS, sn: SN, una: UNA }],
  [Command.windowAsk, WINDOW],
  [Command.windowTell, WINDOW],
  [Command.kick, { ts: { name: 'retryAfter', text: milliseconds }, sn: { name: 'code', text: codeText } }],
  [
    Command.fin,
    {
      frg: { name: 'acknowledges', text: (frg) => (frg === 0 ? 'no' : 'yes') },
      ts: { name: 'code', text: (code) => (code === 0 ? '0(normal)' : codeText(code)) },
      sn: { name: 'finalSn' },
    },
  ],
  [Command.probe, PROBE],
  [Command.probeAck, { ...PROBE, wnd: { name: 'load', text: loadText } }],
  [Command.reset, {}],
  [Command.pathChallenge, PATH],
  [Command.pathResponse, PATH],
  [
    Command.drain,
    { ts: { name: 'deadline', text: milliseconds }, sn: { name: 'jitter', text: milliseconds } },
  ],
  [Command.datagram, { sn: { name: 'counter' } }],
  [Command.padding, {}],
]);

function loadText(wnd: number): string {
  const flags = `${(wnd & 0x100) === 0 ? '' : ',draining'}${(wnd & 0x200) === 0 ? '' : ',not-ready'}`;
  return `${wnd & 0xff}/255${flags}`;
}
