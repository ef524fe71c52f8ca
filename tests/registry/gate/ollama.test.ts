import { describe, expect, it } from 'vitest';
import { inspectPackage } from '../../../src/registry/gate/inspect-package.ts';
import { readOllamaDescription } from '../../../src/registry/gate/ollama/description.ts';
import { refusal } from '../../support/codes.ts';
import { tinyPackage } from '../../support/tiny-package.ts';

const packed = (content: string | Uint8Array) => tinyPackage({ 'ollama.json': content });
const inspected = async (content: string | Uint8Array) =>
  inspectPackage({ ...(await packed(content)), framework: 'ollama' });

describe('a description of an Ollama model', () => {
  it.each([
    ['{"modelName":"llama3.2","mode":"chat"}', { modelName: 'llama3.2', mode: 'chat' }],
    [' {"mode":"embeddings"}\n', { mode: 'embeddings' }],
    [
      '{"modelName":"example.org:5000/me/qwen2.5:0.5b-instruct"}',
      { modelName: 'example.org:5000/me/qwen2.5:0.5b-instruct', mode: 'chat' },
    ],
  ])('%s is let in', async (content, expected) => {
    expect(await inspected(content)).toMatchObject({ inputs: [], outputs: [] });
    const { directory, entry } = await packed(content);
    expect(await readOllamaDescription(directory, entry)).toEqual(expected);
  });

  it.each([
    ['{"modelName":"a","mode":"sing"}', 'MODEL_MANIFEST', 'mode'],
    ['{"modelName":"a","mode":"chat","host":"http://evil"}', 'MODEL_MANIFEST', ''],
    ['{"modelName":7}', 'MODEL_MANIFEST', 'modelName'],
    ['{"modelName":""}', 'MODEL_MANIFEST', 'modelName'],
    ['{"modelName":"a b"}', 'MODEL_MANIFEST', 'modelName'],
    ['{"modelName":"../etc"}', 'MODEL_MANIFEST', 'modelName'],
    ['{"modelName":"http://evil/a"}', 'MODEL_MANIFEST', 'modelName'],
    [`{"modelName":"${'a'.repeat(300)}"}`, 'MODEL_MANIFEST', 'modelName'],
    ['[]', 'MODEL_MANIFEST', ''],
    ['{"modelName":', 'MODEL_MALFORMED', ''],
    [`{"modelName":"a"${' '.repeat(70_000)}}`, 'MODEL_MALFORMED', ''],
    ['', 'MODEL_MALFORMED', ''],
    ['<html></html>', 'MODEL_MALFORMED', ''],
    ['GGUF and more', 'MODEL_FORMAT', ''],
    [Buffer.from('8004950000', 'hex'), 'FORMAT_NOT_LOADABLE', ''],
  ])('%.40j is refused with %s', async (content, code, path) => {
    const error = await refusal(() => inspected(content));
    expect(error.code).toBe(code);
    expect(error.violations.map((violation) => violation.path)).toEqual([path]);
  });
});
