import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { modelsFolder } from './support.ts';

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/);
const Entry = z.strictObject({
  modelName: name,
  modelVersion: name,
  framework: z.enum(['onnx', 'tensorflow', 'transformers', 'ollama']),
  stage: z.literal('production'),
  source: z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('bundle'), path: z.string().regex(/^bundles\/[A-Za-z0-9._-]+$/) }),
    z.strictObject({
      type: z.literal('ollama'),
      description: z.strictObject({ modelName: z.string(), mode: z.literal('embeddings') }),
    }),
    z.strictObject({ type: z.literal('npm'), package: z.string(), files: z.array(z.string()).min(1) }),
  ]),
  metadata: z.looseObject({
    taskType: z.enum(['classification', 'text-embedding']),
    description: z.string().min(1),
    license: z.enum(['Apache-2.0', 'MIT']),
    outputDimensions: z.int().positive(),
    equivalenceGroup: z.string(),
    accuracy: z.looseObject({ metric: z.string(), value: z.number().min(0).max(1), dataset: z.string() }).optional(),
  }),
});

const folder = join(modelsFolder, 'metadata');
const files = readdirSync(folder).filter((file) => file.endsWith('.json') && file !== 'TEMPLATE.json');
const entries = files.map((file) => ({
  file,
  entry: Entry.parse(JSON.parse(readFileSync(join(folder, file), 'utf8'))),
}));
const packageFolder = (packageName: string) =>
  dirname(createRequire(import.meta.url).resolve(`${packageName}/package.json`));

describe('default models', () => {
  it('are eight of three kinds, each in a file of its name', () => {
    const names = entries.map(({ entry }) => entry.modelName);
    expect([...names].sort()).toEqual([
      'all-minilm-l6-v2',
      'all-minilm-l6-v2-transformers',
      'breast-cancer-onnx',
      'digits-onnx',
      'digits-tensorflow',
      'guesslang',
      'nomic-embed-text',
      'universal-sentence-encoder',
    ]);
    const embedding = entries.filter(({ entry }) => entry.metadata.taskType === 'text-embedding');
    const vision = entries.filter(({ entry }) => (entry.metadata.tags as string[] | undefined)?.includes('vision'));
    expect([embedding.length, vision.length]).toEqual([4, 2]);
    expect([...files].sort()).toEqual(names.map((modelName) => `${modelName}.json`).sort());
  });

  it('have their bytes where the source says, and every bundle has its metadata', () => {
    const used = entries.flatMap(({ entry: { source } }) => (source.type === 'bundle' ? [basename(source.path)] : []));
    expect(readdirSync(join(modelsFolder, 'bundles')).filter((file) => !file.startsWith('.'))).toEqual(
      [...new Set(used)].sort(),
    );
    for (const { entry } of entries) {
      if (entry.source.type !== 'npm') continue;
      const { source } = entry;
      for (const file of source.files) expect(existsSync(join(packageFolder(source.package), file)), file).toBe(true);
    }
  });

  it('from npm name every file of the manifest, once by base name', () => {
    for (const { entry } of entries) {
      if (entry.source.type !== 'npm') continue;
      const { source } = entry;
      const names = source.files.map((file) => basename(file));
      expect(new Set(names).size).toBe(names.length);
      const manifest = source.files.find((file) => basename(file) === 'model.json') as string;
      const { weightsManifest } = JSON.parse(readFileSync(join(packageFolder(source.package), manifest), 'utf8'));
      expect(names).toEqual(
        expect.arrayContaining(weightsManifest.flatMap((group: { paths: string[] }) => group.paths)),
      );
    }
  });

  it('are compared only with models of the same task and width', () => {
    for (const group of new Set(entries.map(({ entry }) => entry.metadata.equivalenceGroup))) {
      const members = entries.filter(({ entry }) => entry.metadata.equivalenceGroup === group);
      const kinds = members.map(({ entry: { metadata } }) => `${metadata.taskType} ${metadata.outputDimensions}`);
      expect(new Set(kinds).size, group).toBe(1);
    }
  });

  it('that classify name one label for each output', () => {
    for (const { entry } of entries.filter((one) => one.entry.metadata.taskType === 'classification')) {
      expect(entry.metadata.labels).toHaveLength(entry.metadata.outputDimensions);
    }
  });
});
