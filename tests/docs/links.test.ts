import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectRoot, readDocument } from './support/markdown.ts';

const documents = [
  'README.md',
  'postman/README.md',
  'models/README.md',
  ...readdirSync(join(projectRoot, 'docs')).map((name) => `docs/${name}`),
];

/** What a heading is called in a link. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

const anchorsOf = (text: string) => [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading as string));

const linksOf = (text: string) =>
  [...text.replace(/```[\s\S]*?```/g, '').matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target as string);

describe('links', () => {
  for (const document of documents) {
    it(`of ${document} lead somewhere`, () => {
      const dead = linksOf(readDocument(document)).filter((link) => {
        if (/^https?:/.test(link)) return false;
        const [path = '', anchor] = link.split('#');
        const target = path === '' ? document : join(dirname(document), path);
        if (!existsSync(join(projectRoot, target))) return true;
        return anchor !== undefined && !anchorsOf(readDocument(target)).includes(anchor);
      });
      expect(dead).toEqual([]);
    });
  }
});

describe('the licence', () => {
  it('is Apache-2.0 in full', () => {
    const text = readDocument('LICENSE');
    expect(text).toMatch(/Apache License\s+Version 2\.0, January 2004/);
    for (let clause = 1; clause <= 9; clause++) expect(text).toMatch(new RegExp(`^ +${clause}\\. `, 'm'));
    expect(text).toContain('END OF TERMS AND CONDITIONS');
    expect(JSON.parse(readDocument('package.json')).license).toBe('Apache-2.0');
  });
});
