import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TensorSpec } from '../../src/lib/tensor.ts';
import { completeFields, completeSpecs, type DeclaredSpec, parseDeclared } from '../../src/registry/model-schema.ts';
import { codeOf, refusal } from '../support/codes.ts';

const spec = (shape: readonly number[]): TensorSpec => ({ name: 'x', dtype: 'float32', shape });
const completed = (declared: DeclaredSpec['shape'], read: readonly number[]) =>
  completeSpecs([{ name: 'x', ...(declared && { shape: declared }) }], [spec(read)])[0]?.shape;

describe('a declared shape completes what the file says', () => {
  it.each([
    ['a leading 1 is the batch', [1, 10], [-1, 10], [-1, 10]],
    ['a leading -1 is the batch', [-1, 10], [-1, 10], [-1, 10]],
    ['a leading name is the batch', ['batch', 10], [-1, 10], [-1, 10]],
    ['null is free', [null, 10], [-1, 10], [-1, 10]],
    ['another leading size stays', [8, 10], [-1, 10], [8, 10]],
    ['a size where the file is free', [1, 512], [-1, -1], [-1, 512]],
    ['an inner 1 is a size', [1, 1], [-1, -1], [-1, 1]],
    ['a name is no size', ['n', 'm'], [-1, -1], [-1, -1]],
    ['0 is no size', [-1, 0], [-1, -1], [-1, -1]],
    ['the file is right about sizes', [1, 512], [1, 384], [1, 384]],
    ['the file is right about ranks', [1, 512], [-1, -1, 3], [-1, -1, 3]],
    ['no shape', undefined, [-1, 4], [-1, 4]],
    ['a scalar', [], [], []],
  ] as const)('%s', (_what, declared, read, expected) => expect(completed(declared, read)).toEqual(expected));

  it('names and dtypes are the file’s, and what only the client names is nothing', () => {
    const read: TensorSpec[] = [
      { name: 'ids', dtype: 'int64', shape: [-1, -1] },
      { name: 'mask', dtype: 'int64', shape: [-1, -1], optional: true },
    ];
    const declared = [
      { name: 'mask', dtype: 'float32', shape: [1, 16] },
      { name: 'other', shape: [1] },
    ];
    expect(completeSpecs(declared, read)).toEqual([read[0], { ...read[1], shape: [-1, 16] }]);
    expect(completeSpecs(undefined, read)).toEqual(read);
  });

  it('never loosens a size that the file fixes, nor changes a rank', () => {
    const size = fc.integer({ min: -1, max: 5 });
    fc.assert(
      fc.property(
        fc.array(size, { maxLength: 4 }),
        fc.array(fc.oneof(size, fc.constant('n'), fc.constant(null)), { maxLength: 4 }),
        (read, declared) => {
          const shape = completed(declared, read) ?? [];
          expect(shape.length).toBe(read.length);
          for (const [axis, own] of read.entries()) if (own !== -1) expect(shape[axis]).toBe(own);
        },
      ),
    );
  });
});

describe('a declared schema', () => {
  const entry = { name: 'x', shape: [1, 'n', null, -1, 0] };
  it.each([
    ['an object', { inputs: [entry] }],
    ['JSON text', JSON.stringify({ inputs: [entry] })],
    ['the bare list', [entry]],
    ['the bare list as text', JSON.stringify([entry])],
  ])('may be %s', (_what, value) => expect(parseDeclared(value, 'inputs', 'inputSchema')).toEqual([entry]));

  it.each([
    ['inputSchema', '{'],
    ['inputSchema', 'null'],
    ['inputSchema', 5],
    ['inputSchema', { outputs: [] }],
    ['inputSchema', { inputs: { x: {} } }],
    ['inputSchema.inputs[0].name', { inputs: [{}] }],
    ['inputSchema.inputs[0].name', { inputs: [null] }],
    ['inputSchema.inputs[0].name', { inputs: ['x'] }],
    ['inputSchema.inputs[1].name', { inputs: [{ name: 'a' }, { name: '' }] }],
    ['inputSchema.inputs[0].shape', { inputs: [{ name: 'a', shape: '1,2' }] }],
    ['inputSchema.inputs[0].shape', { inputs: [{ name: 'a', shape: [1.5] }] }],
    ['inputSchema.inputs[0].shape', { inputs: [{ name: 'a', shape: [-2] }] }],
    ['inputSchema.inputs[0].shape', { inputs: [{ name: 'a', shape: [[1]] }] }],
  ])('says that %s is wrong in %j', async (path, value) => {
    const work = () => parseDeclared(value, 'inputs', 'inputSchema');
    expect(codeOf(work)).toBe('INVALID_INPUT');
    expect((await refusal(work)).message).toContain(`${path}:`);
  });
});

describe('fields that are no tensors', () => {
  const known = [{ name: 'messages', type: 'array' }];

  it('are the model’s own unless the client declares some', () => {
    expect(completeFields(undefined, known)).toEqual(known);
    expect(completeFields([{ name: 'x', shape: [1] }], known)).toEqual(known);
    const declared = [{ name: 'history', type: 'array', more: 'x'.repeat(10) }];
    expect(completeFields(declared, known)).toEqual([{ name: 'history', type: 'array' }]);
  });

  it('a model of tensors alone has none', () => {
    expect(completeFields([{ name: 'x', type: 'array' }], undefined)).toEqual([]);
  });
});
