/** The UDP part of the addon. Addresses cross as text, everything per datagram as integers in shared arrays. */
export interface NativeUdp {
  /** What this kernel grants, found out by trying on a socket of its own. */
  probeUdp(): NativeUdpFeatures;
  /**
   * Opens, or adopts, a UDP socket.
   * @throws Error with `code` (`EADDRINUSE`, ...), `syscall` and `errno`, as Node's own socket errors.
   */
  openSocket(options: NativeSocketOptions): NativeSocket;
  /**
   * Binds `count` sockets to one address (SO_REUSEPORT) and steers each datagram to socket number `conv mod count`
   * (classic BPF on the group; anything without a whole `conv` goes to number 0, also a header with nothing behind it).
   * Numbers follow the order of the result.
   * With port 0 the first socket picks the port. Hand each descriptor to one {@link openSocket}, which duplicates it, and
   * keep the originals open: closing one renumbers the rest.
   * @throws Error as {@link openSocket}; nothing stays open then.
   */
  bindReusePortGroup(options: NativeGroupOptions): number[];
  /** Closes a descriptor of {@link bindReusePortGroup}. */
  closeDescriptor(descriptor: number): void;
}

export interface NativeUdpFeatures {
  /** UDP_SEGMENT: one send of many datagrams. */
  readonly segmentation: boolean;
  /** UDP_GRO: many datagrams in one receive. */
  readonly receiveOffload: boolean;
  readonly reusePort: boolean;
  /** Classic BPF may steer a group. */
  readonly steering: boolean;
}

export interface NativeGroupOptions {
  readonly address: string;
  readonly port: number;
  readonly ipv6Only: boolean;
  readonly count: number;
  /**
   * What may stand in front of the `conv` of a datagram: PROXY protocol version 1 or 2, or SPP. Without it `conv` is what a
   * datagram begins with. Default `off`.
   */
  readonly proxyHeaders?: 'off' | 'proxy' | 'spp';
}

export interface NativeSocketOptions {
  /** IPv4 or IPv6, literal. Ignored with `descriptor`. */
  readonly address: string;
  readonly port: number;
  readonly ipv6Only: boolean;
  /** Let other sockets of this user bind to the same address and port. */
  readonly reusePort: boolean;
  /** A bound UDP descriptor to duplicate and use instead of binding; -1: none. */
  readonly descriptor: number;
  /** The only peer; '' for any. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Kernel buffer asked for each way in bytes; 0 keeps the system's default. */
  readonly bufferBytes: number;
  /** The largest datagram, sent or received. */
  readonly maxDatagramBytes: number;
  /** Held in the process when the system takes no more. */
  readonly maxQueueBytes: number;
  readonly maxAddresses: number;
  /** Use UDP_SEGMENT and UDP_GRO where the kernel grants them. */
  readonly segmentation: boolean;
  /**
   * Receive memory, cut into slots of `slotBytes`; pinned until the socket is closed, until when its buffer must be neither
   * transferred nor resized. A slot holds one datagram or, with
   * `segmentation`, up to 65,535 bytes of them glued together; what does not fit is dropped.
   */
  readonly slab: Uint8Array;
  readonly slotBytes: number;
  /** Per slot (offset, length, segment size, address slot, ECN), written before each `onBatch`. Pinned as well. */
  readonly meta: Int32Array;
  /** `count` slots are filled. Their address slots are valid until it returns. Must not throw. */
  readonly onBatch: (count: number, moreWaiting: boolean) => void;
  /**
   * Something went wrong with the open socket, which stays open; never called from within `send`. `slot` is the peer it is
   * about, valid during the call, or -1. `syscall` is the call that failed, `icmp` when the network said so, or
   * {@link SEGMENTATION_REFUSED}.
   */
  readonly onError: (code: string, syscall: string, slot: number) => void;
}

/** The `syscall` of a report that is no error: the kernel refuses UDP_SEGMENT, so datagrams leave singly from now on. */
export const SEGMENTATION_REFUSED = 'segmentation';

/** One open socket; every method is safe after `close`. */
export interface NativeSocket {
  readonly address: string;
  readonly family: 4 | 6;
  readonly port: number;
  /** What the kernel gave, as usable bytes. */
  readonly receiveBufferBytes: number;
  readonly sendBufferBytes: number;
  /** Whether UDP_SEGMENT was in use when it was opened. */
  readonly segmentation: boolean;
  /** Starts receiving. */
  start(): void;
  /**
   * Sends `count` (offset, length, address slot) triples over `bytes`; what the system does not take is copied and queued.
   * No other thread may write to the triples meanwhile.
   */
  send(bytes: Uint8Array, descriptors: Int32Array, count: number): void;
  /** The slot of an address, retained once; -1: none left, or not reachable from this socket. */
  intern(address: string, port: number): number;
  retain(slot: number): void;
  release(slot: number): void;
  /** `address port` as text, undefined when the slot is not in use. A v4-mapped address is plain IPv4. */
  addressOf(slot: number): readonly [address: string, port: number] | undefined;
  /** Fills the counters, in the order of {@link NATIVE_COUNTERS}. */
  stats(into: Float64Array): void;
  /**
   * For tests: makes the kernel refuse UDP_SEGMENT, by giving up checksums. Over IPv6 the receiver must be told the same,
   * or it drops what comes without.
   */
  refuseSegmentation(): void;
  /** Stops at once. `done` is called when the event loop has let go of it. */
  close(done: () => void): void;
}

/** Names of what {@link NativeSocket.stats} fills in. */
export const NATIVE_COUNTERS = [
  'receivedDatagrams',
  'receivedBytes',
  'receiveBatches',
  'receiveCalls',
  'oversizeDrops',
  'receiveDrops',
  'sentDatagrams',
  'sentBytes',
  'sendCalls',
  'sendDrops',
  'socketErrors',
  'segmentedSends',
] as const;
