export { EchoUpstream, type EchoUpstreamOptions } from './echo.ts';
export { TcpUpstream, type TcpUpstreamComponents, type TcpUpstreamOptions } from './tcp.ts';
export type { TcpServer } from './tcp-sink.ts';
export { UdpUpstream, type UdpUpstreamComponents, type UdpUpstreamOptions } from './udp.ts';
export type { UdpServer } from './udp-sink.ts';
export type { SessionInfo, Upstream, UpstreamKind, UpstreamMode, UpstreamStats } from './upstream.ts';
