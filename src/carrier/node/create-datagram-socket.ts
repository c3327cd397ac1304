import { loadNativeBindings, type NativeLoad } from '../../../native-bindings/index.ts';
import type { DatagramSocket, DatagramSocketOptions } from './datagram-socket.ts';
import { createDgramSocket } from './dgram-socket.ts';
import { createNativeSocket } from './native-socket.ts';

/**
 * Opens a {@link DatagramSocket}: natively where the addon is loaded, on `node:dgram` otherwise.
 * @param native Default: what `loadNativeBindings` finds.
 * @throws GatewayError `address_in_use`, `permission_denied`, `bind_failed` or `connect_failed`.
 */
export async function createDatagramSocket(
  options: DatagramSocketOptions,
  native: NativeLoad = loadNativeBindings(),
): Promise<DatagramSocket> {
  if (native.status === 'loaded') return createNativeSocket(options, native.bindings);
  return await createDgramSocket(options);
}
