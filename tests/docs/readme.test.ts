import { describe, expect, it } from 'vitest';
import { Settings } from '../../src/config.ts';
import { errorKinds } from '../../src/errors.ts';
import { statusOf } from '../../src/resources/edge/respond.ts';
import { codeOf, readDocument, section, tableRows } from './support/markdown.ts';

const readme = readDocument('README.md');
const settingNames = Object.keys(Settings.shape);

describe('README', () => {
  it('lists every error code with its status, and no other', () => {
    const rows = tableRows(section(readme, '## Error codes')).slice(1);
    const listed = rows.map(([status, code]) => `${codeOf(code)} ${status}`).sort();
    const known = Object.entries(errorKinds).map(([code, kind]) => `${code} ${statusOf[kind]}`);
    expect(listed).toEqual(known.sort());
  });

  it('says of every error code what to do', () => {
    const rows = tableRows(section(readme, '## Error codes')).slice(1);
    expect(rows.filter(([, , advice]) => (advice ?? '').length < 10)).toEqual([]);
  });

  it('lists every setting, and no other', () => {
    const rows = tableRows(section(readme, '## Settings')).slice(1);
    expect(rows.map(([name]) => codeOf(name)).sort()).toEqual([...settingNames].sort());
  });

  it('gives the defaults of settings that do not depend on the machine', () => {
    const rows = tableRows(section(readme, '## Settings')).slice(1);
    const shown = rows.flatMap(([name, value]) => (codeOf(value) ? [[codeOf(name), codeOf(value)]] : []));
    const defaults = Settings.parse({ AI_OPS_ROOT: undefined }) as Record<string, unknown>;
    const real = shown.map(([name]) => [name, name === 'AI_OPS_ROOT' ? '.harper' : String(defaults[name as string])]);
    expect(shown).toEqual(real);
    expect(defaults.AI_OPS_ROOT).toMatch(/\/\.harper$/);
    expect(shown.length).toBeGreaterThan(10);
  });

  it('maps every part of src', async () => {
    const { readdirSync } = await import('node:fs');
    const parts = readdirSync(new URL('../../src', import.meta.url), { withFileTypes: true });
    const names = parts.map((part) => (part.isDirectory() ? `${part.name}/` : part.name)).sort();
    const map = section(readme, '## The map').split('```')[1] ?? '';
    const shown = [...map.matchAll(/^ {2}(\S+)/gm)].map(([, name]) => name as string);
    expect(shown.sort()).toEqual(names);
  });

  it('keeps the order that a reader needs', () => {
    const headings = [...readme.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
    expect(headings).toEqual([
      'Install, build, run',
      'The map',
      'Endpoints',
      'Settings',
      'Error codes',
      'Adding a backend',
      'Known gaps',
    ]);
  });
});

describe('.env.example', () => {
  it('has exactly the settings', () => {
    const lines = readDocument('.env.example').split('\n');
    const names = lines.flatMap((line) => /^([A-Z][A-Z0-9_]*)=/.exec(line)?.[1] ?? []);
    expect([...names].sort()).toEqual([...settingNames].sort());
    expect(new Set(names).size).toBe(names.length);
  });

  it('shows settings that are valid as they stand', () => {
    const lines = readDocument('.env.example').split('\n');
    const given = Object.fromEntries(
      lines.flatMap((line) => {
        const match = /^([A-Z][A-Z0-9_]*)=(.+)$/.exec(line);
        return match ? [[match[1], match[2]]] : [];
      }),
    );
    expect(Settings.safeParse(given).error).toBeUndefined();
  });
});
