import type { FrontKind, GatewayState } from '../nginx/include-files.ts';

/** What changed, by what probes found. */
export type CheckEvent =
  | {
      readonly type: 'state';
      readonly gateway: string;
      readonly kind: FrontKind;
      readonly from: GatewayState;
      readonly to: GatewayState;
      /** For people. */
      readonly reason: string;
    }
  | {
      /** Its start is another than before: its sessions are gone. */
      readonly type: 'restarted';
      readonly gateway: string;
      readonly epochSeconds: number;
    }
  | {
      /** No gateway of this kind is up, or one is again. */
      readonly type: 'panic';
      readonly kind: FrontKind;
      readonly isOn: boolean;
    };
