import { describe, expect, it } from 'vitest';
import { differencesOf, type NodeState } from './node-state.ts';

const node: NodeState = {
  tables: { Model: { 'a:v1': 'x' }, InferenceEvent: { e1: 'x' }, RetiredVersion: {}, Job: {} },
  files: { 'models/packages/a/stored': 5, 'quarantine/quarantine.json': 9 },
  listening: [9926],
  connections: 1,
  processes: ['bin/harperdb.js', 'runner/main.js'],
  spares: 0,
  open: { 'bin/harperdb.js 1': { socket: 8, 'pipe:': 3 } },
};
const changed = (part: Partial<NodeState>) => ({ ...node, ...part });

describe('the checker of a node', () => {
  it('finds nothing in a node that stayed as it was, or lost a connection', () => {
    expect(differencesOf(node, node, {})).toEqual([]);
    expect(differencesOf(node, changed({ connections: 0 }), {})).toEqual([]);
  });

  it.each<[string, Partial<NodeState>]>([
    ['a new row', { tables: { ...node.tables, Job: { j: 'x' } } }],
    ['a changed row', { tables: { ...node.tables, Model: { 'a:v1': 'y' } } }],
    ['a lost row', { tables: { ...node.tables, InferenceEvent: {} } }],
    ['a leftover file', { files: { ...node.files, 'models/incoming/x': 1 } }],
    ['a file of another size', { files: { ...node.files, 'models/packages/a/stored': 4 } }],
    ['a new port', { listening: [9926, 9999] }],
    ['an open connection', { connections: 2 }],
    ['a process more', { processes: [...node.processes, 'sh'] }],
    ['a process less', { processes: ['bin/harperdb.js'] }],
    ['a socket more', { open: { 'bin/harperdb.js 1': { socket: 9, 'pipe:': 3 } } }],
    ['an open file', { open: { 'bin/harperdb.js 1': { socket: 8, 'pipe:': 3, '/tmp/x': 1 } } }],
  ])('finds %s', (_what, part) => {
    expect(differencesOf(node, changed(part), {})).toHaveLength(1);
  });

  it('lets pass what a case is about, and no more', () => {
    const more = changed({
      tables: { ...node.tables, InferenceEvent: { e1: 'x', e2: 'y' } },
      files: { ...node.files, 'models/incoming/x': 1 },
    });
    expect(differencesOf(node, more, { events: true })).toEqual(['file models/incoming/x: none before, 1 after']);
    const rewritten = changed({ tables: { ...node.tables, InferenceEvent: { e1: 'z' } } });
    expect(differencesOf(node, rewritten, { events: true })).toEqual(['InferenceEvent e1 has changed']);
  });
});
