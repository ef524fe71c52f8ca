import { describe, expect, it } from 'vitest';
import { differences } from './support/answers.ts';
import { codeBlocks, section, tableRows } from './support/markdown.ts';

describe('differences', () => {
  it('finds none between equal answers', () => {
    expect(differences({ a: [1, { b: 'c' }], d: null }, { a: [1, { b: 'c' }], d: null })).toEqual([]);
  });

  it('finds fields that are missing, new or different', () => {
    expect(differences({ a: 1, b: 2 }, { b: 3, c: 4 })).toEqual([
      'answer.c: came, the document does not show it',
      'answer.a: the document shows it, it did not come',
      'answer.b: the document shows 2, came 3',
    ]);
  });

  it('compares types of fields that change from run to run, and values of all others', () => {
    expect(differences({ latencyMs: 1.5 }, { latencyMs: 90.2 })).toEqual([]);
    expect(differences({ latencyMs: 1.5 }, { latencyMs: null })).toHaveLength(1);
    expect(differences({ stage: 'production' }, { stage: 'candidate' })).toHaveLength(1);
  });

  it('takes figures as rounded and counts as exact', () => {
    expect(differences({ confidence: 0.9995 }, { confidence: 0.99949 })).toEqual([]);
    expect(differences({ confidence: 0.9 }, { confidence: 0.99 })).toHaveLength(1);
    expect(differences({ count: 100 }, { count: 101 })).toHaveLength(1);
  });

  it('lets … stand for the rest', () => {
    expect(differences({ a: 1, '…': '…' }, { a: 1, b: 2 })).toEqual([]);
    expect(differences([1, '…'], [1, 2, 3])).toEqual([]);
    expect(differences([1, '…'], [])).toHaveLength(1);
    expect(differences({ a: '…' }, {})).toHaveLength(1);
    expect(differences([1], [1, 2])).toHaveLength(1);
  });
});

describe('reading Markdown', () => {
  const text = '# A\n\n```bash\ncurl x\n```\n\n## B\n\n| c | d |\n| --- | --- |\n| `1` | 2 |\n\n### C\nmore\n## D\n';

  it('finds code blocks with their lines', () => {
    expect(codeBlocks(text)).toEqual([{ language: 'bash', code: 'curl x', line: 3 }]);
  });

  it('finds the rows of tables and the text of sections', () => {
    expect(tableRows(text)).toEqual([
      ['c', 'd'],
      ['`1`', '2'],
    ]);
    expect(section(text, '## B')).toContain('more');
    expect(() => section(text, '## E')).toThrow('expected the heading');
  });
});
