import type { LineListenerConfig, ListenerConfig, StreamListenerConfig, TlsConfig } from './config.ts';
import type { ConfigPath } from './issue.ts';
import type { NamedFiles } from './named-files.ts';
import type { ConfigDocument } from './schema.ts';

type ListenerDocument = ConfigDocument['listeners'][number];
type LineDocument = Exclude<ListenerDocument, { readonly type: 'relay' }>;
type StreamDocument = Exclude<LineDocument, { readonly type: 'kcp-udp' }>;

/** The entry of `listeners` at an index. */
export function resolveListener(
  listener: ListenerDocument,
  index: number,
  files: NamedFiles,
): ListenerConfig {
  switch (listener.type) {
    case 'kcp-udp':
      return {
        type: listener.type,
        ...resolveLine(listener),
        allowStock: listener.allow_stock,
        preset: listener.preset,
        mtu: listener.mtu,
        sendWindow: listener.send_window,
        receiveWindow: listener.receive_window,
        idleTimeoutMs: listener.idle_timeout,
        deadLink: listener.dead_link,
        maxSessions: listener.max_sessions,
        maxSessionsPerSource: listener.max_sessions_per_source,
        newSessionsPerSecond: listener.new_sessions_per_second,
        newSessionsPerSourcePerSecond: listener.new_sessions_per_source_per_second,
        maxQueueBytes: listener.max_queue,
        socketBufferBytes: listener.socket_buffer,
        maxMemoryBytes: listener.max_memory,
        proxyProtocol: listener.proxy_protocol,
        sppReply: listener.spp_reply,
      };
    case 'kcp-tcp':
      return { type: listener.type, ...resolveStream(listener, index, files) };
    case 'http':
      return {
        type: listener.type,
        ...resolveStream(listener, index, files),
        websocketPath: listener.websocket_path,
        loginPath: listener.login_path,
        allowedOrigins: listener.allowed_origins,
        websocketPingIntervalMs: listener.websocket_ping_interval,
      };
    case 'relay':
      return {
        type: listener.type,
        name: listener.name,
        bind: listener.bind,
        socketBufferBytes: listener.socket_buffer,
      };
  }
}

function resolveLine(listener: LineDocument): LineListenerConfig {
  const { name, line } = listener;
  return {
    name,
    bind: listener.bind,
    trustedProxies: listener.trusted_proxies,
    allowClear: listener.allow_clear,
    earlyData: listener.early_data,
    publicAddress: listener.public_address,
    line: line === null ? null : { id: line.id ?? name, priority: line.priority, weight: line.weight },
  };
}

function resolveStream(listener: StreamDocument, index: number, files: NamedFiles): StreamListenerConfig {
  const { tls } = listener;
  return {
    ...resolveLine(listener),
    proxyProtocol: listener.proxy_protocol,
    tls: tls === null ? null : resolveTls(tls, ['listeners', index, 'tls'], files),
    maxConnections: listener.max_connections,
    maxConnectionsPerSource: listener.max_connections_per_source,
    firstDatagramTimeoutMs: listener.first_datagram_timeout,
    maxQueueBytes: listener.max_queue,
  };
}

function resolveTls(tls: NonNullable<StreamDocument['tls']>, path: ConfigPath, files: NamedFiles): TlsConfig {
  return {
    certificate: files.textAt([...path, 'cert_file']) ?? '',
    key: files.textAt([...path, 'key_file']) ?? '',
    certificateFile: tls.cert_file,
    keyFile: tls.key_file,
  };
}
