import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { onTestFinished, vi } from 'vitest';
import type { Registration } from '../../src/registry/new-model-row.ts';
import { PackageStore } from '../../src/registry/package-store.ts';
import { type FirstLoad, Registry } from '../../src/registry/registry.ts';
import { memoryStore } from '../../src/store/memory.ts';

const learnt = {
  inputs: [{ name: 'x', dtype: 'float32' as const, shape: [-1, -1] }],
  outputs: [{ name: 'y', dtype: 'float32' as const, shape: [-1, 3] }],
};

/** A registry over a memory store and a folder of its own; its first load believes every package. */
export async function tinyRegistry(firstLoad: FirstLoad = async () => learnt) {
  const root = await mkdtemp(join(tmpdir(), 'registry-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const store = memoryStore();
  const packages = new PackageStore(root, 1_000_000);
  const onChange = vi.fn();
  let time = 1000;
  const ports = { store, packages, firstLoad: vi.fn(firstLoad), onChange, now: () => time++ };
  const registry = new Registry(ports);
  const receive = (bytes: string | Uint8Array) => packages.receive(Readable.from([Buffer.from(bytes)]));
  return {
    root,
    store,
    packages,
    registry,
    ports,
    receive,
    /** Registers a version whose bytes are the given text, unlike all others unless given. */
    async register(wanted: Partial<Registration> = {}, bytes = `bytes of ${randomUUID()}`, actor = 'ann') {
      const registration = {
        modelName: 'iris',
        modelVersion: 'v1',
        framework: 'onnx',
        stage: 'candidate',
        metadata: {},
        ...wanted,
      } as const;
      return registry.register(registration, await receive(bytes), actor);
    },
  };
}
