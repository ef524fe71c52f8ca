import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

// docs/ARCHITECTURE.md, "Imports point one way": a file may import its own step or a step further down.
const steps: readonly (readonly string[])[] = [
  ['index'],
  ['resources'],
  ['app'],
  ['personalization'],
  ['deployment'],
  ['monitoring', 'inference'],
  ['registry'],
  ['jobs'],
  ['store'],
  ['egress'],
  ['config'],
  ['lib'],
  ['errors'],
];
const mayImportHarper = new Set(['index', 'store/harper']);

const root = join(import.meta.dirname, '..', 'src');
const files = readdirSync(root, { recursive: true })
  .map((path) => path.toString().replaceAll('\\', '/'))
  .filter((path) => path.endsWith('.ts'));

const partOf = (path: string) => (path.split('/')[0] ?? '').replace(/\.ts$/, '');
const stepOf = (part: string) => steps.findIndex((parts) => parts.includes(part));

function importsOf(path: string): string[] {
  const source = readFileSync(join(root, path), 'utf8');
  return [...source.matchAll(/(?:from|import\()\s*'([^']+)'/g)].map(([, target]) => target ?? '');
}

describe('imports', () => {
  it('know every part of src', () => {
    expect(files.map(partOf).filter((part) => stepOf(part) === -1)).toEqual([]);
  });

  it('point one way', () => {
    const backwards = files.flatMap((path) =>
      importsOf(path)
        .filter((target) => target.startsWith('.'))
        .map((target) => relative(root, join(root, dirname(path), target)).replaceAll('\\', '/'))
        .filter((target) => {
          const [from, to] = [partOf(path), partOf(target)];
          return from !== to && stepOf(to) <= stepOf(from);
        })
        .map((target) => `${path} -> ${target}`),
    );
    expect(backwards).toEqual([]);
  });

  it('leave Harper to the edge and the store', () => {
    const users = files.filter((path) => importsOf(path).includes('harperdb')).map((path) => path.replace(/\.ts$/, ''));
    expect(users.filter((path) => !mayImportHarper.has(path))).toEqual([]);
  });
});
