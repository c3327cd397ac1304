import { isIP } from 'node:net';
import * as z from 'zod';
import { isLoopback, parseSocketAddress } from '../../base/address.ts';
import { parseCidr } from '../../base/cidr.ts';
import { field, mustBe, refuse } from './field.ts';
import { isHostName, parseServerAddress } from './server-address.ts';

/** IP address and port of this machine; the value is a SocketAddress. */
export function bindAddress(text: string) {
  const expects = 'an IP address and port, such as 0.0.0.0:4000 or [::]:4000';
  return field(SOCKET_ADDRESS, { kind: 'text', type: 'address', range: 'IP:port', expects, text });
}

/** As {@link bindAddress}, or null. */
export function optionalBindAddress(text: string) {
  const expects = 'an IP address and port, such as 127.0.0.1:8888, or null';
  const schema = SOCKET_ADDRESS.nullable();
  return field(schema, { kind: 'optional-text', type: 'address', range: 'IP:port, null', expects, text });
}

/** IP address and port of another machine; the value is a SocketAddress with a port other than 0. */
export function peerAddress(text: string) {
  const expects = 'an IP address and port, such as 10.0.0.2:4010';
  return field(PEER_ADDRESS, { kind: 'text', type: 'address', range: 'IP:port', expects, text });
}

/** As {@link peerAddress}, or null. */
export function optionalPeerAddress(text: string) {
  const expects = 'an IP address and port, such as 10.0.0.2:4000, or null';
  const schema = PEER_ADDRESS.nullable();
  return field(schema, { kind: 'optional-text', type: 'address', range: 'IP:port, null', expects, text });
}

/** Host and port of a server; the value is a ServerConfig. */
export function serverAddress(text: string) {
  const expects = 'host:port, such as 127.0.0.1:7001';
  return field(SERVER_ADDRESS, { kind: 'text', type: 'address', range: 'host:port', expects, text });
}

/** As {@link serverAddress}, or null. */
export function optionalServerAddress(text: string) {
  const expects = 'host:port, such as eu1.example.com:4000, or null';
  const schema = SERVER_ADDRESS.nullable();
  return field(schema, { kind: 'optional-text', type: 'address', range: 'host:port, null', expects, text });
}

/** Host name or IP address without port; an IPv6 address may have brackets, the value has none. */
export function hostName(text: string) {
  const expects = 'a host name or an IP address';
  const schema = z.string().transform((value, context) => {
    const bare = /^\[(.*)\]$/.exec(value)?.[1] ?? value;
    const isHost = bare === value ? isIP(bare) !== 0 || isHostName(bare) : isIP(bare) === 6;
    return isHost ? bare : refuse(context, mustBe(expects, value));
  });
  return field(schema, { kind: 'text', type: 'host', range: 'name or IP', expects, text });
}

/** Blocks of IP addresses; the value is a list of Cidr. */
export function addressBlocks(text: string) {
  const block = field(
    z.string().transform((value, context) => {
      const parsed = parseCidr(value);
      return parsed.ok ? parsed.cidr : refuse(context, parsed.error.replace(/\.$/, ''));
    }),
    {
      kind: 'text',
      type: 'address block',
      range: 'IP/length',
      expects: 'an IP address or a block of them, such as 10.0.0.0/8',
      text: 'One block.',
    },
  );
  const expects = 'a list of IP addresses and blocks of them';
  return field(z.array(block), { kind: 'words', type: 'list', range: 'IP/length, ...', expects, text });
}

/** Path of a URL, or null. */
export function optionalUrlPath(text: string) {
  const expects = 'a path that begins with /, or null';
  const schema = urlPathSchema(expects).nullable();
  return field(schema, { kind: 'optional-text', type: 'URL path', range: '/path, null', expects, text });
}

/** Address of something fetched over https, or over http from this host; or null. */
export function optionalUrl(text: string) {
  const expects = 'an https URL without user and password (http for this host only), or null';
  const schema = z
    .string()
    .superRefine((value, context) => {
      // The value is not shown: a URL with a password is one of those that are refused.
      if (!isSafeUrl(value)) refuse(context, `must be ${expects}`);
    })
    .nullable();
  return field(schema, { kind: 'optional-text', type: 'URL', range: 'https://..., null', expects, text });
}

/** Origins of web pages, or `*`; the value is in lower case. */
export function origins(text: string) {
  const origin = field(
    z.string().transform((value, context) => {
      const lower = value.toLowerCase();
      const isOrigin = URL.canParse(lower) && new URL(lower).origin === lower;
      return isOrigin ? lower : refuse(context, mustBe(ORIGIN_EXPECTS, value));
    }),
    { kind: 'text', type: 'origin', range: 'origin', expects: ORIGIN_EXPECTS, text: 'One origin.' },
  );
  const expects = '* or a list of origins, such as https://app.example.com';
  const schema = z.union([z.literal('*'), z.array(origin)]);
  return field(schema, { kind: 'words', type: 'list or *', range: 'origin, ...', expects, text });
}

const ORIGIN_EXPECTS = 'an origin, such as https://app.example.com or http://localhost:3000';

const SOCKET_ADDRESS = z.string().transform((value, context) => {
  const parsed = parseSocketAddress(value);
  return parsed.ok ? parsed.address : refuse(context, parsed.error.replace(/\.$/, ''));
});

const PEER_ADDRESS = SOCKET_ADDRESS.superRefine(({ port }, context) => {
  if (port === 0) refuse(context, 'the port must be 1 to 65535');
});

const SERVER_ADDRESS = z.string().transform((value, context) => {
  const parsed = parseServerAddress(value);
  return parsed.ok ? parsed.server : refuse(context, parsed.error);
});

function urlPathSchema(expects: string) {
  return z.string().superRefine((value, context) => {
    if (!/^\/[\w.~!$&'()*+,;=:@/-]{0,255}$/.test(value)) refuse(context, mustBe(expects, value));
  });
}

function isSafeUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password } = new URL(text);
  if (username !== '' || password !== '') return false;
  const isThisHost = hostname === 'localhost' || isLoopback(hostname.replace(/^\[|\]$/g, ''));
  return protocol === 'https:' || (protocol === 'http:' && isThisHost);
}
