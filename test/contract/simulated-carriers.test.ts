import { afterAll, beforeAll } from 'vitest';
import { MultiPathNetwork } from '../simulation/multi-path-network.ts';
import { describeCarrier, type CreateCarrierPair } from './carrier.ts';
import type { CreateConnectionServer } from './connection-servers.ts';
import { describeConnections } from './connections.ts';
import { untilTrue } from './loopback.ts';

/*
 * The carriers of the simulated network promise what real ones do. Here the network is moved by real time, because the suites
 * wait for real time; simulations move it themselves.
 */

const networks: MultiPathNetwork[] = [];
let pump: NodeJS.Timeout;

beforeAll(() => {
  pump = setInterval(() => {
    for (const network of networks) while (network.loop.step());
  }, 1);
});
afterAll(() => {
  clearInterval(pump);
});

function makeNetwork(): MultiPathNetwork {
  const network = new MultiPathNetwork(networks.length);
  networks.push(network);
  return network;
}

const LARGE = { arenaBytes: 256 * 1024, maxBatch: 1024 };

const createUdpPair: CreateCarrierPair = (nearLimits, farLimits) => {
  const network = makeNetwork();
  const far = network.openUdp({ ...LARGE, ...farLimits });
  const near = network.addClient().openUdp({ nat: false, ...LARGE, ...nearLimits }).carrier;
  return Promise.resolve({ near, far, farAddress: far.localAddress, until: untilTrue });
};

const createServer =
  (kind: 'tcp' | 'ws'): CreateConnectionServer =>
  (options = {}) => {
    const network = makeNetwork();
    const { carrier, address } = network.listen(kind, { ...LARGE, ...options });
    const client = network.addClient();
    return Promise.resolve({
      carrier,
      address,
      connect: async (clientOptions = {}) => {
        const line = client.connect(address, { ...LARGE, ...clientOptions });
        await Promise.resolve();
        return line.carrier;
      },
      close: () => Promise.resolve(),
    });
  };

const createConnectedPair =
  (kind: 'tcp' | 'ws'): CreateCarrierPair =>
  async (nearLimits, farLimits) => {
    const server = await createServer(kind)({ ...farLimits, lingerMs: 100 });
    const near = await server.connect({ ...nearLimits, lingerMs: 100 });
    return { near, far: server.carrier, farAddress: near.remoteAddress, until: untilTrue };
  };

describeCarrier('simulated udp', createUdpPair);
describeCarrier('simulated tcp', createConnectedPair('tcp'), {
  sendsEmpty: false,
  oversizeEndsConnection: true,
});
describeCarrier('simulated ws', createConnectedPair('ws'), {
  sendsEmpty: true,
  oversizeEndsConnection: true,
});
describeConnections('simulated tcp', createServer('tcp'));
describeConnections('simulated ws', createServer('ws'));
