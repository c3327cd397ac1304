import type { ProfileName } from './profiles.ts';
import type { Weather } from './weather.ts';

/** Which relays: those of one carrier, all, or those that listen on a port. */
export type Scope = 'udp' | 'tcp' | 'all' | { readonly port: number };

/** Which way: up leads to the target. */
export type Direction = 'up' | 'down' | 'both';

/** Something that is done to relays. */
export type Change =
  /** Other weather, as far as named; it is over after `forMs`, or lasts (null). */
  | {
      readonly kind: 'weather';
      readonly scope: Scope;
      readonly direction: Direction;
      readonly values: Partial<Weather>;
      readonly forMs: number | null;
    }
  | {
      readonly kind: 'profile';
      readonly scope: Scope;
      readonly direction: Direction;
      readonly profile: ProfileName;
    }
  /** The weather is what it was at the start. */
  | { readonly kind: 'clear'; readonly scope: Scope; readonly direction: Direction }
  /** UDP: every client comes from another port, or from another address as well. */
  | { readonly kind: 'rebind'; readonly scope: Scope; readonly how: 'port' | 'address' }
  /** TCP: every connection ends. */
  | { readonly kind: 'cut'; readonly scope: Scope; readonly how: 'rst' | 'fin' }
  /** TCP: connections that come are reset. */
  | { readonly kind: 'refuse'; readonly scope: Scope; readonly isOn: boolean }
  /** The command ends. */
  | { readonly kind: 'end' };
