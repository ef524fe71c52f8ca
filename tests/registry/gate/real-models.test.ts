import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { AppError } from '../../../src/errors.ts';
import { inspectPackage } from '../../../src/registry/gate/inspect-package.ts';
import type { PackageReport } from '../../../src/registry/gate/report.ts';

const repository = fileURLToPath(new URL('../../../', import.meta.url));
const shared = join(repository, '../shared/models');
/** Debian's libonnx-testdata: a model for each operator and variant, 932 of them. */
const nodeTests = '/usr/lib/python3/dist-packages/onnx/backend/test/data/node';

interface Metadata {
  readonly name: string;
  readonly isTensor: boolean;
  readonly type: string;
  readonly shape: readonly (number | string)[];
}
type Answer =
  | { readonly inputs: readonly Metadata[]; readonly outputs: readonly Metadata[] }
  | { readonly error: string };

const models = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.onnx'))
    .map((file) => join(folder, file))
    .sort();

/** What ONNX Runtime says of each model. A crash of the process fails the test. */
function describeModels(files: readonly string[]): Answer[] {
  const script = fileURLToPath(new URL('describe-models.mjs', import.meta.url));
  const lines = execFileSync(process.execPath, [script], {
    input: files.join('\n'),
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  return lines
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

const inspect = async (file: string): Promise<PackageReport | AppError> => {
  try {
    return await inspectPackage({ directory: dirname(file), entry: basename(file), framework: 'onnx' });
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
};

/** The gate's report in the words of onnxruntime-node, which never lists inputs that have a default. */
function inWordsOfRuntime(report: PackageReport) {
  return {
    inputs: report.inputs.filter(({ optional }) => !optional).map(({ name, dtype, shape }) => ({ name, dtype, shape })),
    outputs: report.outputs.map(({ name, dtype }) => ({ name, dtype })),
  };
}

function wordsOfRuntime(answer: Answer) {
  if ('error' in answer) throw new Error(answer.error);
  return {
    inputs: answer.inputs.map(({ name, type, shape }) => ({
      name,
      dtype: type,
      shape: shape.map((size) => (typeof size === 'number' ? size : -1)),
    })),
    outputs: answer.outputs.map(({ name, type }) => ({ name, dtype: type })),
  };
}

describe('real models', () => {
  test('all pass, and ONNX Runtime names the same inputs and outputs', async (context) => {
    if (!existsSync(shared)) return context.skip('../shared/models is absent');
    const files = models(shared);
    expect(files.length).toBeGreaterThan(0);
    const answers = describeModels(files);
    for (const [at, file] of files.entries()) {
      const report = await inspect(file);
      if (report instanceof AppError) throw report;
      expect(inWordsOfRuntime(report), file).toEqual(wordsOfRuntime(answers[at] as Answer));
    }
  });

  test('of the ONNX node tests only those are refused that cannot be served', { timeout: 120_000 }, async (context) => {
    if (!existsSync(nodeTests)) return context.skip('libonnx-testdata is not installed');
    const files = models(nodeTests);
    const answers = describeModels(files);
    expect(answers).toHaveLength(files.length);
    const refusedBy: Record<string, number> = {};
    for (const [at, file] of files.entries()) {
      const report = await inspect(file);
      const answer = answers[at] as Answer;
      if (report instanceof AppError) {
        refusedBy[report.code] = (refusedBy[report.code] ?? 0) + 1;
        // Either the runtime does not load it, or it takes or gives something that is no tensor.
        const servable = 'inputs' in answer && [...answer.inputs, ...answer.outputs].every(({ isTensor }) => isTensor);
        expect(servable, `${file}: ${report.message}`).toBe(false);
      } else if ('inputs' in answer) {
        expect(inWordsOfRuntime(report), file).toEqual(wordsOfRuntime(answer));
      }
    }
    const loaded = answers.filter((answer) => 'inputs' in answer).length;
    console.info(`${files.length} models, ${loaded} load; refused: ${JSON.stringify(refusedBy)}`);
    if (files.length === 932) expect(refusedBy).toEqual({ MODEL_DTYPE: 30 });
  });
});
