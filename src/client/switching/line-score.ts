/** What a score is made of. Times in ms. */
export interface ScoreParts {
  readonly rttMs: number;
  readonly jitterMs: number;
  /** Share of what was sent that got lost, 0 to 1. */
  readonly lossRate: number;
  /** How long it takes until something lost is sent again. */
  readonly rtoMs: number;
  /** It is a connection: one that loses something keeps all that follows waiting. */
  readonly isConnection: boolean;
  /** Of the gateway: 0 idle to 255 full. */
  readonly load: number;
}

/** How long a message takes on a line, in ms, about: lower is better. */
export function scoreOf({ rttMs, jitterMs, lossRate, rtoMs, isConnection, load }: ScoreParts): number {
  const loss = Math.min(lossRate, MAX_LOSS_RATE);
  const retransmissionMs = (loss / (1 - loss)) * rtoMs;
  const carrierMs = isConnection ? Math.max(MIN_CONNECTION_MS, rttMs * loss) : 0;
  return rttMs + 2 * jitterMs + retransmissionMs + carrierMs + (load / MAX_LOAD) * MAX_LOAD_MS;
}

const MAX_LOSS_RATE = 0.9;
const MIN_CONNECTION_MS = 10;
const MAX_LOAD = 255;
const MAX_LOAD_MS = 30;
