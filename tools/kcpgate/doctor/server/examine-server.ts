import { loadNativeBindings } from '../../../../native-bindings/index.ts';
import type { LoginAnswer } from '../../../../src/client/login-answer.ts';
import { findFastestLine } from '../../../../src/client/node/find-fastest-line.ts';
import { createNodePlatform } from '../../../../src/client/node/node-platform.ts';
import type { ClientPlatform } from '../../../../src/client/sdk/client-platform.ts';
import { socketBuffers } from '../checks/socket-buffers.ts';
import { diagnosisOf, type Diagnosis } from '../doctor.ts';
import type { Finding } from '../finding.ts';
import { messageOf } from '../message.ts';
import { checkCertificates, tlsServers } from './check-certificates.ts';
import { checkLogin } from './check-login.ts';
import { checkNatTimeout } from './check-nat-timeout.ts';
import { checkPathMtu } from './check-path-mtu.ts';
import { judgeBestLine } from './judge-best-line.ts';
import { judgeClockSkew } from './judge-clock.ts';
import { judgeLines } from './judge-lines.ts';
import { judgeNat, ownAddresses } from './judge-nat.ts';
import { judgeUdp } from './judge-udp.ts';
import { isAnswered, probeLines, type ProbedWay } from './probe-lines.ts';

/** What is looked at. */
export interface ServerExamination {
  readonly loginUrl: URL;
  readonly token: string | undefined;
  /** How long sockets are silent to find out when a NAT forgets them, in ms; none: that is left out. */
  readonly silencesMs: readonly number[];
}

/** Looks at the way from here to a gateway, as a client goes it. */
export async function examineServer({ loginUrl, token, silencesMs }: ServerExamination): Promise<Diagnosis> {
  const platform = createNodePlatform();
  const { answer, askedAtMs, tookMs, finding } = await checkLogin(loginUrl, token, platform.seals);
  const findings = [finding, ...(await checkCertificates(tlsServers(loginUrl, answer?.lines ?? [])))];
  if (answer !== undefined) {
    findings.push(judgeClockSkew(answer.serverTime, askedAtMs, tookMs));
    findings.push(...(await examineLines(platform, answer, silencesMs)));
  }
  findings.push(await socketBuffers(CLIENT_BUFFER_BYTES, loadNativeBindings()));
  return diagnosisOf(findings);
}

async function examineLines(
  platform: ClientPlatform,
  answer: LoginAnswer,
  silencesMs: readonly number[],
): Promise<Finding[]> {
  const { lines, transport, probe } = answer;
  const ways = await probeLines(platform, lines);
  const findings = [...judgeLines(ways), judgeUdp(ways), ...judgeNat(ways, ownAddresses())];
  const udp = ways.filter((way) => way.line.transport === 'udp' && isAnswered(way));
  // One after the other: they measure, and gateways answer so many PROBEs in a second.
  for (const way of oneOfEachFamily(udp)) {
    findings.push(await orFailure('path MTU', checkPathMtu(platform, way, transport.mtu)));
  }
  if (ways.some(isAnswered)) findings.push(...judgeBestLine(await findFastestLine({ lines, probe })));
  const [way] = udp;
  if (way !== undefined && silencesMs.length > 0) {
    findings.push(await orFailure('NAT timeout', checkNatTimeout(platform, way, silencesMs)));
  }
  return findings;
}

function oneOfEachFamily(ways: readonly ProbedWay[]): ProbedWay[] {
  const family = ({ address }: ProbedWay): number | undefined => address?.family;
  return ways.filter((way, index) => ways.findIndex((other) => family(other) === family(way)) === index);
}

async function orFailure(check: string, finding: Promise<Finding>): Promise<Finding> {
  try {
    return await finding;
  } catch (error) {
    return { check, status: 'failure', text: messageOf(error) };
  }
}

/** The default of clients. */
const CLIENT_BUFFER_BYTES = 4 * 1024 * 1024;
