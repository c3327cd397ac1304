/** A process of clients; started by the soak program, which also kills it. Its argument is a {@link ClientOrder}. */
import { ClientLoad, type ClientOrder } from './client-load.ts';
import type { SoakRequest } from './soak-message.ts';

const load = new ClientLoad(JSON.parse(process.argv[2] ?? '{}') as ClientOrder);
load.start();
process.on('message', (request: SoakRequest) => {
  if (request.kind === 'report') process.send?.(load.report());
  else
    void load.stop().then(() => {
      process.send?.(load.report());
      process.disconnect();
    });
});
process.on('disconnect', () => process.exit());
