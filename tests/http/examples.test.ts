import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { preloadDefaultModels } from '../docs/support/preload.ts';
import { curlIsInstalled, ExampleRunner, examplesOf } from '../docs/support/run-examples.ts';
import { adminPassword, bootServer, type TestServer } from '../support/boot-server.ts';

// The documents whose examples are run, in the order in which a reader meets them.
const documents = [
  'README.md',
  'docs/API.md',
  'docs/ONNX.md',
  'docs/MODELS.md',
  'docs/OLLAMA.md',
  'docs/MIGRATION.md',
  'docs/DEPLOYMENT.md',
];

describe.skipIf(!curlIsInstalled())('examples in the documents', () => {
  let server: TestServer;
  let folder: string;
  let runner: ExampleRunner;

  beforeAll(async () => {
    server = await bootServer();
    folder = await mkdtemp(join(tmpdir(), 'ai-ops-examples-'));
    runner = new ExampleRunner({ ...server, username: 'admin', password: adminPassword }, folder);
    const loaded = await preloadDefaultModels(server);
    const missing = loaded.filter(({ outcome }) => outcome === 'skipped').map(({ model }) => model);
    // What an Ollama server keeps is there only where one runs.
    expect(missing.filter((model) => model !== 'nomic-embed-text:v1')).toEqual([]);
  });
  afterAll(async () => {
    await server?.stop();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  for (const document of documents) {
    describe(document, () => {
      const examples = examplesOf(document);
      it('has examples', () => expect(examples.length).toBeGreaterThan(0));
      for (const example of examples) {
        it(`line ${example.line} does what it shows`, async () => {
          expect(await runner.problems(example)).toEqual([]);
        });
      }
    });
  }
});
