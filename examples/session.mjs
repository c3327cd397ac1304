// A session that logs in, moves from line to line while it talks, and says what happens to it.
//
//     npx kcpgate serve                                             an echo with a login on port 8080
//     node examples/session.mjs [login URL [token]]
//
// In a project of yours the package has its name: import { connect } from 'kcpgate/client'.
import { Buffer } from 'node:buffer';
import { connect } from 'kcpgate/client';

const [loginUrl = 'http://127.0.0.1:8080/api/login', token] = process.argv.slice(2);
const connection = await connect({ loginUrl, ...(token === undefined ? {} : { token }) });

connection.on('moved', ({ from, to }) => console.log(`moved: ${from} -> ${to}`));
connection.on('pathlost', ({ line }) => console.log(`line ${line} broke, it is made again`));
connection.on('draining', ({ deadlineMs }) => console.log(`the gateway goes in ${deadlineMs} ms`));
connection.on('close', ({ code, reason, mayReconnect }) => {
  console.log(`closed: ${code}, ${reason}${mayReconnect ? '; connect again' : ''}`);
});
process.once('SIGINT', () => void connection.close());

console.log(`open on line ${connection.line.id}, of ${connection.lines.length}`);
const answers = connection[Symbol.asyncIterator]();
for (const line of connection.lines) {
  // The other direction goes on meanwhile: nothing is lost, and nothing comes twice.
  connection.send(Buffer.from(`hello over ${line.id}`));
  await connection.moveTo(line);
  const { value, done } = await answers.next();
  if (done) break;
  console.log(`answer: ${Buffer.from(value).toString()}`);
}
await connection.close();
