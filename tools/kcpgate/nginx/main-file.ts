import type { FrontConfig } from '../../../src/gateway/config/config.ts';

/** `nginx.conf`. */
export function mainFile(front: FrontConfig): string {
  const modules = front.modules.map((path) => `load_module ${path};\n`).join('');
  return `# The main file of nginx in front of kcpgate gateways. \`kcpgate nginx\` made this set of files from the section "front" of
# a configuration: change that and run it again, or change what is here and do without the command from then on.
#
#   nginx -t                check it                 nginx -s reload         take it over (each reload re-creates all
#                                                                            UDP sessions: README.md tells more)
#   nginx -p DIR -c DIR/nginx.conf                   run the set from any other folder
#
# Paths that do not begin with / are relative to the folder of this file; of pid and logs, to the prefix (-p).

# Debian has streams and njs in modules (libnginx-mod-stream, libnginx-mod-stream-js). What is built in need not be loaded;
# "nginx -V" tells.
${modules}
user ${front.user};

# Change the number only with a restart: another number of workers means other workers for the clients there are.
worker_processes ${String(front.workers)};

# A UDP session is one descriptor, a connection two. systemd has to allow it, too: systemd/nginx.service.d/kcpgate.conf.
worker_rlimit_nofile 200000;

# After a reload the old workers serve the TCP and WebSocket connections they have for so long; then these are cut, their clients
# connect anew, and sessions go on. The UDP sessions that they had are of no use any more, but keep a local port, a descriptor and memory
# until then. So many reloads as there are within this time, so many times everything is there: with one every 5 s (front.check.
# reload_interval) four times. Longer is for those who have TCP rather than UDP, and few reloads.
worker_shutdown_timeout 15s;

pid ${front.pidFile};
error_log ${front.logDirectory}/error.log warn;

events {
    # Of each worker. A UDP session takes two, a connection two. When there is none left new clients are ignored ("worker_connections
    # are not enough" in error.log), and clients that are in stay. About 30 KiB of memory for each UDP session.
    worker_connections 65536;
}

stream {
    include stream.d/*.conf;
}

http {
    include http.d/*.conf;
}
`;
}

/** `stream.d/00-common.conf`: what all stream servers share. */
export function streamCommonFile(front: FrontConfig): string {
  return `# What the servers for UDP and TCP share: log, limits, and how a datagram tells its gateway.

# One line of JSON for each session, when it ends: a UDP session after proxy_timeout without traffic, which can be hours after it
# began. Those that are open when nginx stops, or is killed, are never logged. A status says little about UDP: 200 is also
# what a gateway that was not there gets. "conv" and "owner": the session of the first datagram and its gateway.
log_format kcpgate_stream escape=json
    '{"time":"$time_iso8601","protocol":"$protocol","client":"$remote_addr:$remote_port",'
    '"listen":"$server_addr:$server_port","conv":"$kcpgate_conv","owner":"$kcpgate_owner",'
    '"upstream":"$upstream_addr","status":"$status","seconds":"$session_time",'
    '"received":"$bytes_received","sent":"$bytes_sent",'
    '"upstream_sent":"$upstream_bytes_sent","upstream_received":"$upstream_bytes_received",'
    '"first_byte_seconds":"$upstream_first_byte_time","connection":"$connection","worker":"$pid"}';

# Written in pieces, so that a flood of sessions is not one of writes. Debian's logrotate takes every *.log there.
access_log ${front.logDirectory}/kcpgate-stream.log kcpgate_stream buffer=32k flush=5s;

# Sessions of one source address, in each worker ($pid): after a reload the sessions that the old workers still have, until they time
# out, would count against the same clients in the new ones, and who had more than half of the limit would be refused. 16 MB are
# 130,000 addresses at least; when they are used up, new ones are refused.
limit_conn_zone $binary_remote_addr$pid zone=kcpgate_udp_sources:16m;
limit_conn_zone $binary_remote_addr$pid zone=kcpgate_tcp_sources:16m;
# Who is over the limit is in the access log (status 503), not in the error log line by line.
limit_conn_log_level notice;

# From the first datagram, in about 10 microseconds for each new session and nothing for each packet. Never js_filter: it keeps
# 3.5 KiB for each datagram until the session ends.
js_import kcpgate from njs/kcp-route.js;
# The conversation id, and its top byte: the id of the gateway that owns it. Empty where there is none.
js_var $kcpgate_conv "";
js_var $kcpgate_owner "";
`;
}
