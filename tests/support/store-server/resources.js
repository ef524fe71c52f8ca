import { server } from 'harperdb';
import { harperStore } from './dist/src/store/harper.js';

const store = harperStore();

/** What only shows when reading, deciding and writing happen on the server: counting under the lock. */
async function countUnderLock(id) {
  return store.withLock(`count:${id}`, async () => {
    const event = await store.events.get(id);
    await store.events.patch(id, { computeMs: (event.computeMs ?? 0) + 1 });
  });
}

async function call({ table, method, args }) {
  if (method === 'countUnderLock') return countUnderLock(...args);
  if (method === 'bytes') {
    const stored = await store.models.bytes(args[0]);
    if (!stored) return null;
    const chunks = [];
    for await (const chunk of stored.stream(args[1] ?? undefined, args[2] ?? undefined)) chunks.push(chunk);
    return { size: stored.size, base64: Buffer.concat(chunks).toString('base64') };
  }
  if (method === 'query') {
    const rows = [];
    for await (const row of store[table].query(args[0])) rows.push(row);
    return rows;
  }
  return (await store[table][method](...args)) ?? null;
}

server.http(
  async (request, next) => {
    if (request.pathname !== '/store-call') return next(request);
    const chunks = [];
    for await (const chunk of request._nodeRequest) chunks.push(chunk);
    if (chunks.length === 0) return { status: 200, headers: {}, body: 'ready' };
    try {
      const result = await call(JSON.parse(Buffer.concat(chunks)));
      return { status: 200, headers: {}, body: JSON.stringify({ result }) };
    } catch (error) {
      return { status: 200, headers: {}, body: JSON.stringify({ error: String(error?.stack ?? error) }) };
    }
  },
  { runFirst: true },
);
