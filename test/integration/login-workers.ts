import { setTimeout as delay } from 'node:timers/promises';
import { connect, type Connection, type ConnectOptions } from '../../src/client/node/index.ts';
import type { GatewayStatus } from '../../src/gateway/gateway-status.ts';
import { startLoginGateway, type LoginGateway, type LoginGatewayOptions } from '../support/login-gateway.ts';

/** Gateways with two workers, and connections to them, as long as a test lasts. */
export class LoginWorkers {
  readonly #closers: (() => unknown)[] = [];

  /** Something else that is to be ended. */
  onEnd(close: () => unknown): void {
    this.#closers.push(close);
  }

  async end(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
  }

  async start(options: LoginGatewayOptions = {}): Promise<LoginGateway> {
    // Chance says which worker a session is at: there may be many before there is one at each.
    const login = `logins_per_second_per_source: 1000, logins_per_second_per_subject: 1000, ${options.login ?? ''}`;
    const running = await startLoginGateway({ workers: 2, ...options, login });
    this.onEnd(() => running.gateway.stop());
    return running;
  }

  async open(options: ConnectOptions): Promise<Connection> {
    const connection = await connect(options);
    this.onEnd(() => connection.destroy());
    return connection;
  }

  /** So many connections to each worker, in the order of workers. Those that were too many are closed. */
  async openAtEach(
    { loginUrl }: LoginGateway,
    line: string,
    count = 1,
    options: Partial<ConnectOptions> = {},
  ): Promise<Connection[]> {
    const byWorker: Connection[][] = [[], []];
    for (let i = 0; i < 1000 && byWorker.some(({ length }) => length < count); i++) {
      const connection = await this.open({ loginUrl, line, ...options });
      const own = byWorker[workerOf(connection)]!;
      if (own.length < count) own.push(connection);
      else await connection.close();
    }
    return byWorker.flat();
  }
}

export const convOf = ({ login }: Connection): number => login.sessions[0]!.conv;
export const workerOf = (connection: Connection): number => convOf(connection) % 2;

/** Sends a message and gives the next one that comes back. */
export async function echo(connection: Connection, text: string): Promise<string> {
  connection.send(Buffer.from(text));
  for await (const message of connection) return Buffer.from(message).toString();
  throw new Error('it ended');
}

/** The first status that is as it is wanted. */
export async function untilStatus(
  { gateway }: LoginGateway,
  isIt: (status: GatewayStatus) => boolean,
): Promise<GatewayStatus> {
  for (let i = 0; i < 1000; i++) {
    const status = await gateway.status();
    if (isIt(status)) return status;
    await delay(10);
  }
  throw new Error(`it never came: ${JSON.stringify(await gateway.status())}`);
}
