/**
 * How a session watches its line and when it leaves it. Times in ms. Every default suits a client on any network; what makes
 * sense to change are {@link copies} and the intervals.
 */
export interface SwitchConfig {
  /** While in doubt, send everything on the line in use and on the next one. Sealed sessions only. Default true. */
  readonly copies: boolean;

  /** How often the signals are looked at while data flows (it did within 2 s). Default 50. */
  readonly tickMs: number;
  /** The same while traffic is recent, but none flows. Default 200. */
  readonly quietTickMs: number;
  /** The same in an idle session. Default 1,000. */
  readonly idleTickMs: number;
  /** Without data for so long, a session is idle: nothing is probed any more. Default 45,000. */
  readonly idleAfterMs: number;

  /** Without acknowledgement for so many retransmission timeouts, the line in use is asked. Default 1. */
  readonly askAfterTimeouts: number;
  /** ... but not before so long. Default 100. */
  readonly askAfterMs: number;
  /** Without acknowledgement for so many retransmission timeouts, and without answer since it was asked, it is suspect. Default 1.75. */
  readonly suspectAfterTimeouts: number;
  /** ... but not before so long. Default 200. */
  readonly suspectAfterMs: number;
  /** The same for a connection, which repeats by itself what is lost. Default 600. */
  readonly connectionSuspectAfterMs: number;
  /** ... and never later than after so long, however long a round trip takes. Default 3,000. */
  readonly suspectAtLatestMs: number;
  /** Traffic stopped coming: the line is asked after so long at least. Default 150. */
  readonly silenceMs: number;
  /** ... and after so many times what usually passes between data. Default 3. */
  readonly silenceGaps: number;
  /** Nothing was heard for so long, and traffic is recent: the line is asked. Default 3,000. */
  readonly heartbeatMs: number;
  /** Questions to the line in use are at least so far apart. Default 250. */
  readonly askEveryMs: number;
  /** Another line that answers takes over when the line in use answered nothing for so many retransmission timeouts. Default 2. */
  readonly moveAfterTimeouts: number;
  /** ... but not before so long. Default 250. */
  readonly moveAfterMs: number;
  /** The same while everything goes out on both: nobody waits then, and there is time to be sure. Default 3. */
  readonly copiesMoveAfterTimeouts: number;
  /** Default 400. */
  readonly copiesMoveAfterMs: number;

  /** How long preparing a line may take. Default 5,000. */
  readonly prepareTimeoutMs: number;
  /** Lines that are prepared at once. Default 3, which is what a session has room for. */
  readonly maxPrepared: number;
  /** When the first lines have not answered for so long, the next ones are tried as well. Default 400. */
  readonly widenMs: number;
  /** ... and in the place of those that have not answered for so long. Default 1,500. */
  readonly giveWayMs: number;
  /** How long moving to a prepared line may take. Default 2,000. */
  readonly moveTimeoutMs: number;
  /** After nothing came of preparing: the first wait, doubled each time. Default 300. */
  readonly retryMs: number;
  /** ... and the longest. Default 5,000. */
  readonly retryMaxMs: number;
  /** A prepared line is kept so long after the doubt is over. Default 30,000. */
  readonly keepPreparedMs: number;

  /** A better line has to be better over so many seconds in which both were measured. Default 15. */
  readonly betterSeconds: number;
  /** ... over so many when the line in use got much worse than it was. Default 3. */
  readonly degradedSeconds: number;
  /** Better means `new * betterFactor + betterMs < current`, the worst of the new against the best of the current. Default 1.1. */
  readonly betterFactor: number;
  /** Default 5. */
  readonly betterMs: number;
  /** When the line in use got much worse: better means at least so much. Default 10. */
  readonly degradedBetterMs: number;
  /** ... and `new < current * degradedShare`. Default 2/3. */
  readonly degradedShare: number;
  /** Much worse means so much more than usual. Default 50. */
  readonly degradedMs: number;
  /** ... and so many times as much. Default 1.5. */
  readonly degradedFactor: number;
  /** After a move nobody leaves a line that works for so long, doubled with each return to a line left lately. Default 30,000. */
  readonly holdDownMs: number;
  /** ... and at the longest. Default 300,000. */
  readonly holdDownMaxMs: number;
  /** So long after a move the old line may be gone back to. Default 10,000. */
  readonly probationMs: number;
  /** A line that proved worse is not chosen for so long, doubled each time. Default 60,000. */
  readonly vetoMs: number;
  /** ... and at the longest. Default 600,000. */
  readonly vetoMaxMs: number;
  /** What a line was like in use is believed of it, half as much after so long each time. Default 60,000. */
  readonly experienceHalfLifeMs: number;
  /** Only so long after the beginning a survey moves the session at once. Default 10,000. */
  readonly startMs: number;

  /** A probe that was not answered for so long is lost. Default 1,000. */
  readonly probeTimeoutMs: number;
  /** How often the best other lines are probed. Default 7,500. */
  readonly standbyMs: number;
  /** The same for those that are connections: each probe may cost one. Default 30,000. */
  readonly connectionStandbyMs: number;
  /** How many those are. Default 2. */
  readonly standbys: number;
  /** How often all other lines are probed. Default 60,000. */
  readonly sweepMs: number;
  /** Not on a line with a round trip of no more than so much. Default 5. */
  readonly sweepAboveMs: number;
  /** How often a line is probed while it is about to be chosen. Default 1,000. */
  readonly decideMs: number;
  /** On a connection: when UDP is tried again first, doubled each time. Default 10,000. */
  readonly udpAgainMs: number;
  /** ... and at the longest. Default 600,000. */
  readonly udpAgainMaxMs: number;
  /** Probes that all have to be answered then; one is of full size. Default 5. */
  readonly udpAgainProbes: number;
  /** How far apart they are. Default 100. */
  readonly udpAgainEveryMs: number;
  /** The size of such a probe in bytes. Default 64. */
  readonly probeBytes: number;
  /** The size of one that shows that full datagrams pass, in bytes. Default 1,200. */
  readonly fullProbeBytes: number;
  /** What watching may send: a share of the session's bytes. Default 0.01. */
  readonly budgetShare: number;
  /** ... and in any case so many bytes a second. Default 125, which is 1 kbit/s. */
  readonly budgetBytesPerSecond: number;
  /** What is not sent now may be sent later, so many bytes at most. Default 7,500. */
  readonly budgetBurstBytes: number;

  /** Decisions that are remembered. Default 64. */
  readonly maxDecisions: number;
}

/** What may be said of a {@link SwitchConfig}; the rest has its default. */
export type SwitchOptions = Partial<SwitchConfig>;

export function resolveSwitchConfig(options: SwitchOptions = {}): SwitchConfig {
  return { ...DEFAULTS, ...options };
}

const DEFAULTS: SwitchConfig = {
  copies: true,
  tickMs: 50,
  quietTickMs: 200,
  idleTickMs: 1_000,
  idleAfterMs: 45_000,
  askAfterTimeouts: 1,
  askAfterMs: 100,
  suspectAfterTimeouts: 1.75,
  suspectAfterMs: 200,
  connectionSuspectAfterMs: 600,
  suspectAtLatestMs: 3_000,
  silenceMs: 150,
  silenceGaps: 3,
  heartbeatMs: 3_000,
  askEveryMs: 250,
  moveAfterTimeouts: 2,
  moveAfterMs: 250,
  copiesMoveAfterTimeouts: 3,
  copiesMoveAfterMs: 400,
  prepareTimeoutMs: 5_000,
  maxPrepared: 3,
  widenMs: 400,
  giveWayMs: 1_500,
  moveTimeoutMs: 2_000,
  retryMs: 300,
  retryMaxMs: 5_000,
  keepPreparedMs: 30_000,
  betterSeconds: 15,
  degradedSeconds: 3,
  betterFactor: 1.1,
  betterMs: 5,
  degradedBetterMs: 10,
  degradedShare: 2 / 3,
  degradedMs: 50,
  degradedFactor: 1.5,
  holdDownMs: 30_000,
  holdDownMaxMs: 300_000,
  probationMs: 10_000,
  vetoMs: 60_000,
  vetoMaxMs: 600_000,
  experienceHalfLifeMs: 60_000,
  startMs: 10_000,
  probeTimeoutMs: 1_000,
  standbyMs: 7_500,
  connectionStandbyMs: 30_000,
  standbys: 2,
  sweepMs: 60_000,
  sweepAboveMs: 5,
  decideMs: 1_000,
  udpAgainMs: 10_000,
  udpAgainMaxMs: 600_000,
  udpAgainProbes: 5,
  udpAgainEveryMs: 100,
  probeBytes: 64,
  fullProbeBytes: 1_200,
  budgetShare: 0.01,
  budgetBytesPerSecond: 125,
  budgetBurstBytes: 7_500,
  maxDecisions: 64,
};
