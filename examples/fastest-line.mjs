// Which line to a gateway is the fastest: a few probes on each, without a session. `kcpgate probe` prints the same.
//
//     npm start                                         an echo with a login on port 8080
//     node examples/fastest-line.mjs [login URL]
import { findFastestLine, login } from 'kcpgate/client';

const [loginUrl = 'http://127.0.0.1:8080/api/login'] = process.argv.slice(2);
const { lines, probe } = await login({ loginUrl });
const report = await findFastestLine({ lines, probe });

for (const { line, answered, sent, medianRttMs, score, fault } of report.lines) {
  const seen = score === null ? fault : `round trip ${medianRttMs} ms, score ${score.ms.toFixed(1)} ms`;
  console.log(`${line.id} (${line.transport}): ${answered} of ${sent} answers, ${seen}`);
}
console.log(`best: ${report.best?.id}, because it has ${report.reason}`);
