import type { SocketAddress } from '../base/address.ts';

interface Row<Connection> {
  /** Absent when the connection is gone. */
  connection: Connection | undefined;
  address: SocketAddress;
  /** 0 in free slots. */
  references: number;
}

/**
 * The address slots of connections.
 *
 * A slot is in use while its connection lives or somebody retains it: the connection holds one reference itself. What
 * remains of a connection that is gone is its address. Slots are used again, the one freed last first.
 */
export class ConnectionTable<Connection> {
  readonly #maxSlots: number;
  readonly #rows: Row<Connection>[] = [];
  readonly #free: number[] = [];
  #connections = 0;

  /** @param maxSlots the most slots in use at once. */
  constructor(maxSlots: number) {
    this.#maxSlots = maxSlots;
  }

  /** Connections that are not gone. */
  get connections(): number {
    return this.#connections;
  }

  /** Takes a slot for a connection, with the reference it holds itself; -1 when there is none left. */
  add(connection: Connection, address: SocketAddress): number {
    const free = this.#free.pop();
    if (free === undefined && this.#rows.length === this.#maxSlots) return -1;
    const slot = free ?? this.#rows.length;
    this.#rows[slot] = { connection, address, references: 1 };
    this.#connections++;
    return slot;
  }

  /** The connection is gone. Its own reference stays until it is released. */
  detach(slot: number): void {
    const row = this.#rows[slot];
    if (row?.connection === undefined) return;
    row.connection = undefined;
    this.#connections--;
  }

  /** Adds a reference to a slot in use; nothing for any other number. */
  retain(slot: number): void {
    const row = this.#rows[slot];
    if (row !== undefined && row.references > 0) row.references++;
  }

  /**
   * Takes a reference from a slot in use, and frees it with the last; nothing for any other number. The reference of a
   * living connection cannot be taken.
   */
  release(slot: number): void {
    const row = this.#rows[slot];
    if (row === undefined || row.references === 0) return;
    if (row.references === 1 && row.connection !== undefined) return;
    row.references--;
    if (row.references === 0) this.#free.push(slot);
  }

  /** The connection of a slot, unless it is gone. */
  at(slot: number): Connection | undefined {
    return this.#rows[slot]?.connection;
  }

  /** @throws RangeError when the slot is not in use: whoever asks forgot to retain it. */
  addressOf(slot: number): SocketAddress {
    const row = this.#rows[slot];
    if (row === undefined || row.references === 0) throw new RangeError(`address slot ${slot} is not in use`);
    return row.address;
  }

  /** The slot of a living connection with that address, or -1. Looks at all of them. */
  find({ address, port }: SocketAddress): number {
    return this.#rows.findIndex(
      (row) => row.connection !== undefined && row.address.address === address && row.address.port === port,
    );
  }

  /** The living connections. May be changed meanwhile. */
  *[Symbol.iterator](): IterableIterator<Connection> {
    for (const { connection } of this.#rows) if (connection !== undefined) yield connection;
  }
}
