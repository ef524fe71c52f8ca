import { lstat, open, readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { AppError } from '../../../errors.ts';
import { checkContent } from '../check-content.ts';
import { contentKind, headBytes } from '../content-kind.ts';
import { inspectOnnxFile } from '../onnx/inspect-onnx.ts';
import { refusal } from '../refusal.ts';
import type { GateLimits, PackageReport } from '../report.ts';
import { boundedJson, isObject } from '../tensorflow/bounded-json.ts';

/** Files that Transformers.js parses, when they are there. */
const parsed = [
  'config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'preprocessor_config.json',
  'processor_config.json',
  'generation_config.json',
  '1_Pooling/config.json',
  'sentence_bert_config.json',
];

/**
 * Walks every ONNX file of a package in the hub's layout, since which of them are loaded is up to the library, and
 * bounds every JSON file that it parses.
 *
 * @throws AppError as `inspectOnnxFile`, with the file's name in the path; MODEL_MANIFEST without a config.json
 */
export async function inspectTransformers(
  directory: string,
  _entry: string,
  limits: GateLimits,
): Promise<PackageReport> {
  const files = await readdir(directory, { recursive: true, withFileTypes: true });
  let nodeCount = 0;
  for (const file of files) {
    if (!file.isFile() || !/\.onnx$/i.test(file.name)) continue;
    const path = join(file.parentPath, file.name);
    const name = relative(directory, path).replaceAll(sep, '/');
    nodeCount += await named(name, async () => {
      checkContent(contentKind(await headOf(path)), 'onnx');
      return inspectOnnxFile(path, limits).nodeCount;
    });
  }
  for (const name of parsed) await named(name, () => checkJson(directory, name, limits));
  return { inputs: [], outputs: [], nodeCount };
}

async function checkJson(directory: string, name: string, limits: GateLimits): Promise<void> {
  const path = join(directory, name);
  const status = await lstat(path).catch(() => undefined);
  if (!status?.isFile()) {
    if (name !== 'config.json') return;
    throw refusal(
      'MODEL_MANIFEST',
      '',
      'expected config.json at the top of the package, found none. Pack the model as its folder on the Hugging Face hub.',
    );
  }
  if (status.size > limits.maxJsonBytes) {
    throw refusal(
      'MODEL_TOO_COMPLEX',
      '',
      `expected at most ${limits.maxJsonBytes} bytes of JSON, got ${status.size}. Simplify the file.`,
    );
  }
  const json = boundedJson(await readFile(path), limits.maxJsonValues, name);
  if (!isObject(json)) {
    throw refusal('MODEL_MANIFEST', '', 'expected a JSON object, got something else. Save the model again.');
  }
}

/** Puts a file's name before what is wrong with it. */
async function named<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const violations = error.violations.map(({ path, message }) => ({
      path: path ? `${name}: ${path}` : name,
      message,
    }));
    throw new AppError(error.code, `${name}: ${error.message}`, { violations, cause: error.cause });
  }
}

async function headOf(path: string): Promise<Uint8Array> {
  const handle = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(headBytes), 0, headBytes, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
