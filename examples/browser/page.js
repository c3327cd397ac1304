import { closeCodeName, createClient } from './kcpgate.js';

const element = (id) => document.getElementById(id);
let session;

element('connect').addEventListener('submit', (event) => {
  event.preventDefault();
  void connect(element('login').value);
});
element('send').addEventListener('submit', (event) => {
  event.preventDefault();
  void send(element('message').value);
  element('message').value = '';
});
element('close').addEventListener('click', () => void session?.close());

async function connect(loginUrl) {
  await session?.close();
  try {
    const client = createClient({ loginUrl });
    session = await client.connect({ onStatus: show });
    for await (const message of session) log(`< ${new TextDecoder().decode(message)}`);
  } catch (error) {
    element('state').textContent = 'not connected';
    log(`${error.code}: ${error.message}`);
  }
}

async function send(text) {
  if (session === undefined || text === '') return;
  const bytes = new TextEncoder().encode(text);
  log(`> ${text}`);
  try {
    // 0: the queue is full, or there is no connection just now.
    while (session.send(bytes) === 0) await session.writable();
  } catch (error) {
    log(`${error.code}: ${error.message}`);
  }
}

/** Everything that happens to the session is one of these. */
function show(status) {
  const { type, ...more } = status;
  log(`* ${type} ${JSON.stringify(more)}`);
  element('state').textContent =
    type === 'close' ? `closed: ${closeCodeName(status.code)} (${status.code}) ${status.reason}` : type;
  element('line').textContent = type === 'close' ? '' : `line ${session?.line?.id ?? status.line ?? ''}`;
}

function log(text) {
  const entry = document.createElement('li');
  entry.textContent = text;
  element('log').prepend(entry);
}
