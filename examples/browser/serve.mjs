// Serves the page in this folder, and the client it imports.
//
//     node dist/tools/kcpgate/main.js serve -c examples/browser/gateway.yaml
//     node examples/browser/serve.mjs [port]
//
// then open http://127.0.0.1:8000. Any web server will do: the page is three files. With a bundler import 'kcpgate/browser' instead.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';

const here = (name) => new URL(name, import.meta.url);
const client = import.meta.resolve('kcpgate/browser/bundle');
const FILES = {
  '/': [here('index.html'), 'text/html'],
  '/page.js': [here('page.js'), 'text/javascript'],
  '/kcpgate.js': [new URL(client), 'text/javascript'],
  '/kcpgate.js.map': [new URL(`${client}.map`), 'application/json'],
};

const server = createServer((request, response) => {
  const [file, type] = FILES[new URL(request.url, 'http://page').pathname] ?? [];
  if (file === undefined) return void response.writeHead(404).end();
  readFile(file).then(
    (bytes) => response.writeHead(200, { 'content-type': `${type}; charset=utf-8` }).end(bytes),
    (error) => response.writeHead(500).end(error.code === 'ENOENT' ? 'run `npm run build` first' : ''),
  );
});
server.listen(Number(process.argv[2] ?? 8000), '127.0.0.1', () => {
  console.log(`open http://127.0.0.1:${server.address().port}`);
});
process.once('SIGINT', () => process.exit());
