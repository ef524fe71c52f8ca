import { memoryStore } from '../../src/store/memory.ts';
import { storeSuite, type TestedStore } from '../contracts/store-suite.ts';

storeSuite('memory', (): TestedStore => {
  const store = memoryStore();
  return {
    models: store.models,
    events: store.events,
    jobs: store.jobs,
    async queryJobs(query) {
      const rows = [];
      for await (const row of store.jobs.query(query)) rows.push(row);
      return rows;
    },
    async query(query) {
      const rows = [];
      for await (const row of store.events.query(query)) rows.push(row);
      return rows;
    },
    async bytes(id, start, end) {
      const stored = await store.models.bytes(id);
      if (!stored) return undefined;
      const chunks = [];
      for await (const chunk of stored.stream(start, end)) chunks.push(chunk);
      return Buffer.concat(chunks);
    },
    countUnderLock: (id) =>
      store.withLock(id, async () => {
        const row = await store.events.get(id);
        await store.events.patch(id, { computeMs: (row?.computeMs ?? 0) + 1 });
      }),
  };
});
