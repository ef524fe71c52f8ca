import { closeSync, lstatSync, openSync, readSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { plainPathProblem } from '../../package/plain-path.ts';
import { ByteWindow } from '../onnx/byte-window.ts';
import { quote, refusal } from '../refusal.ts';
import { isObject, listAt, objectAt, textAt } from './bounded-json.ts';

/** Bytes of one value, by dtype; a string says its own length. */
const valueBytes: Readonly<Record<string, number>> = { float32: 4, int32: 4, bool: 1, complex64: 8 };
const quantizedBytes: Readonly<Record<string, number>> = { uint8: 1, uint16: 2, float16: 2 };

interface Shard {
  readonly file: string;
  readonly size: number;
}

/**
 * Checks that the weights lie in the package and are as many bytes as the manifest needs.
 *
 * @throws AppError MODEL_MANIFEST, MODEL_MALFORMED, MODEL_SHAPE, MODEL_DTYPE
 */
export function checkWeights(model: unknown, directory: string, entry: string, maxBytes: number): void {
  const shards = new Map<string, Shard>();
  const specs: { readonly spec: unknown; readonly path: string }[] = [];
  for (const [index, group] of listAt(model, 'weightsManifest').entries()) {
    const path = `weightsManifest[${index}]`;
    if (!isObject(group))
      throw refusal('MODEL_MANIFEST', path, 'expected paths and weights, got something else. Convert the model again.');
    for (const [at, name] of listAt(group, 'paths').entries()) {
      addShard(shards, name, join(directory, dirname(entry)), `${path}.paths[${at}]`);
    }
    for (const [at, spec] of listAt(group, 'weights').entries()) specs.push({ spec, path: `${path}.weights[${at}]` });
  }
  const all = [...shards.values()];
  const carried = all.reduce((sum, shard) => sum + shard.size, 0);
  if (carried > maxBytes)
    throw refusal(
      'MODEL_TOO_LARGE',
      'weightsManifest',
      `the weights have ${carried} bytes; expected at most ${maxBytes}. Quantize the model.`,
    );
  const needed = withWindow(all, carried, (window) => {
    let offset = 0;
    for (const { spec, path } of specs) {
      offset += weightBytes(spec, path, window, offset);
      if (offset > carried) break;
    }
    return offset;
  });
  if (needed !== carried) {
    const problem =
      needed > carried ? `need more than the ${carried} bytes that` : `need ${needed} bytes, but ${carried}`;
    throw refusal(
      'MODEL_MALFORMED',
      'weightsManifest',
      `the weights ${problem} the package carries. Send every shard, whole and unchanged.`,
    );
  }
}

function addShard(shards: Map<string, Shard>, name: unknown, folder: string, path: string): void {
  // TensorFlow.js takes these as URLs, so what means something in a URL is refused too.
  const problem =
    typeof name !== 'string'
      ? 'is not text'
      : (plainPathProblem(name) ?? (/[%:?#]/.test(name) ? 'has a character of URLs (% : ? #)' : undefined));
  if (typeof name !== 'string' || problem) {
    throw refusal(
      'MODEL_MANIFEST',
      path,
      `${quote(String(name))} ${problem}; expected the plain name of a file in the package. Convert the model again.`,
    );
  }
  if (shards.has(name))
    throw refusal(
      'MODEL_MANIFEST',
      path,
      `${quote(name)} is listed twice; expected each file once. Convert the model again.`,
    );
  const file = join(folder, name);
  const status = lstatSync(file, { throwIfNoEntry: false });
  if (!status?.isFile()) {
    throw refusal(
      'MODEL_MALFORMED',
      path,
      `${quote(name)} is not in the package; expected model.json and all its weight files. Send them together in a zip.`,
    );
  }
  shards.set(name, { file, size: status.size });
}

function weightBytes(spec: unknown, path: string, window: ByteWindow, offset: number): number {
  const elements = shapeElements(spec, path);
  if (isObject(spec) && Object.hasOwn(spec, 'quantization')) {
    const dtype = textAt(objectAt(spec, 'quantization'), 'dtype') ?? '';
    const bytes = Object.hasOwn(quantizedBytes, dtype) ? quantizedBytes[dtype] : undefined;
    if (bytes === undefined)
      throw refusal(
        'MODEL_DTYPE',
        path,
        `is quantized as ${quote(dtype)}; expected uint8, uint16 or float16. Convert the model again.`,
      );
    return elements * bytes;
  }
  const dtype = textAt(spec, 'dtype') ?? '';
  if (dtype === 'string') return stringBytes(elements, path, window, offset);
  const bytes = Object.hasOwn(valueBytes, dtype) ? valueBytes[dtype] : undefined;
  if (bytes === undefined)
    throw refusal(
      'MODEL_DTYPE',
      path,
      `has the dtype ${quote(dtype)}; expected float32, int32, bool, string or complex64. Convert the model again.`,
    );
  return elements * bytes;
}

function shapeElements(spec: unknown, path: string): number {
  const name = textAt(spec, 'name');
  const shape = isObject(spec) ? spec.shape : undefined;
  if (name === undefined || !Array.isArray(shape))
    throw refusal('MODEL_MANIFEST', path, 'expected a weight with a name and a shape. Convert the model again.');
  const elements = shape.reduce((product: number, size: unknown) => {
    const whole = typeof size === 'number' && Number.isSafeInteger(size) && size >= 0;
    return whole ? product * size : Number.NaN;
  }, 1);
  if (!Number.isSafeInteger(elements)) {
    throw refusal(
      'MODEL_SHAPE',
      path,
      `${quote(name)} has the shape ${quote(JSON.stringify(shape))}; expected whole dimensions from 0 up and at most 2^53 elements. Convert the model again.`,
    );
  }
  return elements;
}

/** Strings lie one after the other, each behind its length in four bytes. */
function stringBytes(elements: number, path: string, window: ByteWindow, offset: number): number {
  let position = offset;
  for (let index = 0; index < elements; index += 1) {
    const length = window.bytes(position, 4);
    if (length.byteLength < 4)
      throw refusal(
        'MODEL_MALFORMED',
        path,
        `the weights end inside string ${index} of ${elements}. Send every shard, whole and unchanged.`,
      );
    position += 4 + length.readUInt32LE();
  }
  return position - offset;
}

/** Reads all shards as one file. */
function withWindow<T>(shards: readonly Shard[], size: number, part: (window: ByteWindow) => T): T {
  let open: { readonly shard: Shard; readonly descriptor: number } | undefined;
  const window = new ByteWindow(size, (target, position) => {
    let start = 0;
    for (const shard of shards) {
      if (position < start + shard.size) {
        if (open?.shard !== shard) {
          if (open) closeSync(open.descriptor);
          open = { shard, descriptor: openSync(shard.file, 'r') };
        }
        return readSync(
          open.descriptor,
          target,
          0,
          Math.min(target.byteLength, start + shard.size - position),
          position - start,
        );
      }
      start += shard.size;
    }
    return 0;
  });
  try {
    return part(window);
  } finally {
    if (open) closeSync(open.descriptor);
  }
}
