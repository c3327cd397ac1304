import type { Carrier } from '../../src/carrier/carrier.ts';
import {
  Endpoint,
  type EndpointComponents,
  type EndpointConfig,
  type PortConfig,
} from '../../src/endpoint/index.ts';

/** An endpoint with one port. */
export function endpointOn(
  carrier: Carrier,
  components: EndpointComponents,
  port: Omit<PortConfig, 'name'>,
  config: EndpointConfig = {},
): Endpoint {
  const endpoint = new Endpoint(components, config);
  endpoint.attach(carrier, { name: 'port', ...port });
  return endpoint;
}
