import { issueTicket } from '../../../src/gateway/login/issue-ticket.ts';

/** The JSON of a good answer of gateway 1, with a line of each transport. */
export function goodAnswer(): Record<string, unknown> {
  const line = { gatewayId: 1, host: 'gw.example', priority: 0, weight: 100 };
  return {
    sessions: [{ ...issueTicket({ ticketKey: { id: 1, key: new Uint8Array(32) }, gatewayId: 1 }) }],
    lines: [
      { ...line, id: 'eu-udp', transport: 'udp', port: 4000, region: 'eu' },
      { ...line, id: 'eu-tcp', transport: 'tcp', port: 4000, tls: true },
      { ...line, id: 'eu-ws', transport: 'ws', port: 8080, path: '/kcp' },
      { ...line, id: 'eu-wss', transport: 'wss', port: 443, host: '2001:db8::1', path: '/a/b?c=d' },
    ],
    relays: true,
    transport: { mtu: 1200, mode: 'fast2', sendWindow: 512, receiveWindow: 256, maxMessageBytes: 10_000 },
    probe: { count: 3, intervalMs: 50, deadlineMs: 1000 },
    serverTime: '2026-11-25T12:00:00.000Z',
  };
}
