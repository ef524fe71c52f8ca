import { openAsBlob } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { projectRoot } from '../../scripts/harper/project-root.ts';
import { type Server, startServer } from './server.ts';

const password = 'a password for benchmarks';

/** Starts the product as `npm start` does, with more settings where they are given. */
export function startProduct({
  threads,
  more = {},
}: {
  threads: number;
  more?: Record<string, string>;
}): Promise<Server> {
  return startServer({
    args: () => [join(projectRoot, 'dist', 'scripts', 'start.js')],
    password,
    environment: ({ root, port, operationsPort }) => ({
      PATH: process.env.PATH,
      TMPDIR: root,
      HTTP_PORT: String(port),
      OPERATIONS_PORT: String(operationsPort),
      HTTP_THREADS: String(threads),
      LOG_LEVEL: 'warn',
      AI_OPS_ROOT: join(root, 'data'),
      HDB_ADMIN_USERNAME: 'admin',
      HDB_ADMIN_PASSWORD: password,
      ...more,
    }),
    isReady: (_server, output) => output.includes('Ready on port'),
  });
}

/** Registers a bundled model of `models/` in production. */
export async function uploadBundle({ url, authorization }: Server, name: string): Promise<void> {
  const folder = join(projectRoot, 'models');
  const { source, metadata, ...fields } = JSON.parse(await readFile(join(folder, 'metadata', `${name}.json`), 'utf8'));
  const file = join(folder, source.path);
  const form = new FormData();
  for (const field of ['modelName', 'modelVersion', 'framework', 'stage']) form.set(field, fields[field]);
  form.set('metadata', JSON.stringify(metadata));
  form.set('file', await openAsBlob(file), basename(file));
  const reply = await fetch(`${url}/model/upload`, { method: 'POST', headers: { authorization }, body: form });
  if (!reply.ok) throw new Error(`Expected ${name} to be taken, got ${reply.status}: ${await reply.text()}`);
}

/** One request, to see that what is measured is right. @throws Error unless it is answered 200 */
export async function postJson<T>(server: Server, path: string, body: string): Promise<T> {
  const reply = await fetch(server.url + path, {
    method: 'POST',
    headers: { authorization: server.authorization, 'content-type': 'application/json' },
    body,
  });
  if (!reply.ok) throw new Error(`POST ${path} was answered ${reply.status}: ${await reply.text()}`);
  return (await reply.json()) as T;
}

/** How many events a server holds. */
export async function countEvents({ operationsUrl, authorization }: Server): Promise<number> {
  const reply = await fetch(operationsUrl, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ operation: 'describe_table', schema: 'data', table: 'InferenceEvent', exact_count: true }),
  });
  const { record_count: count } = (await reply.json()) as { record_count?: number };
  if (count === undefined) throw new Error(`Expected the number of events, got ${reply.status}`);
  return count;
}
