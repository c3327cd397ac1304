import { isIP } from 'node:net';
import { formatSocketAddress, type SocketAddress } from '../../../src/base/address.ts';
import { login, type Line } from '../../../src/client/node/index.ts';
import { sessionCredentials } from '../../../src/client/session-credentials.ts';
import { issueTicket } from '../../../src/gateway/login/issue-ticket.ts';
import type { SessionCredentials } from '../../../src/session/index.ts';
import { isAllocatableConv } from '../../../src/wire/conversation.ts';
import type { LoadOptions } from './load-options.ts';
import { BENCH_TICKET_KEY } from './login-key.ts';

/** What a client of sealed sessions got from its login: a line, and what opens sessions. */
export class BenchLogin {
  readonly line: Line;
  /** Address of the line. */
  readonly remote: SocketAddress;
  /** Made beforehand, so that making them is no part of what is measured. */
  private readonly prepared: SessionCredentials[];
  private readonly ownConvs: ReadonlySet<number>;
  private lastConv = 0;

  /**
   * Logs in once, over HTTP. Credentials of more sessions are made here, with the key of the server.
   * @param address of the server's HTTP listener.
   * @throws GatewayError what {@link login} throws. @throws Error when there is no such line.
   */
  static async at(address: SocketAddress, { line: transport }: LoadOptions): Promise<BenchLogin> {
    const loginUrl = `http://${formatSocketAddress(address)}/api/login`;
    const { lines, sessions } = await login({ loginUrl, allowHttp: true });
    const line = lines.find((candidate) => candidate.transport === transport);
    if (line === undefined) throw new Error(`the server has no ${transport} line`);
    return new BenchLogin(line, sessions.map(sessionCredentials));
  }

  private constructor(line: Line, prepared: SessionCredentials[]) {
    const { host, port } = line;
    this.line = line;
    this.remote = { address: host, family: isIP(host) === 6 ? 6 : 4, port };
    this.prepared = prepared;
    this.ownConvs = new Set(prepared.map(({ conv }) => conv));
  }

  /** Makes the credentials of so many sessions beforehand. */
  prepare(count: number): void {
    while (this.prepared.length < count) this.prepared.push(this.issue());
  }

  /** What opens one session. */
  take(): SessionCredentials {
    return this.prepared.pop() ?? this.issue();
  }

  /** Among many random conversations some would be the same. */
  private issue(): SessionCredentials {
    do this.lastConv++;
    while (!isAllocatableConv(this.lastConv) || this.ownConvs.has(this.lastConv));
    return sessionCredentials(issueTicket({ ticketKey: BENCH_TICKET_KEY, conv: this.lastConv }));
  }
}
