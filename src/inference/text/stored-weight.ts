import { open, stat } from 'node:fs/promises';
import path from 'node:path';
import type { ModelPackage } from '../backend.ts';
import { readPackageObject } from './package-json.ts';

interface WeightGroup {
  readonly paths: readonly string[];
  readonly weights: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly dtype: string;
    readonly quantization?: { readonly dtype: string };
  }[];
}

const bytesOf: Readonly<Record<string, number>> = { float32: 4, int32: 4, float16: 2, uint16: 2, uint8: 1, bool: 1 };

/**
 * An int32 scalar among the stored weights of a TensorFlow.js model, read without loading the rest.
 *
 * @returns undefined when no weight has such a name, or it cannot be found in the shards.
 */
export async function readStoredInteger(files: ModelPackage, name: RegExp): Promise<number | undefined> {
  const { weightsManifest } = await readPackageObject(files, files.entry);
  for (const group of (weightsManifest ?? []) as readonly WeightGroup[]) {
    let offset = 0;
    for (const weight of group.weights) {
      if (name.test(weight.name) && weight.dtype === 'int32' && weight.shape.length === 0 && !weight.quantization) {
        return readInteger(files.directory, group.paths, offset);
      }
      // A dtype of no fixed size makes what follows NaN, which lies in no shard.
      const size = bytesOf[weight.quantization?.dtype ?? weight.dtype] ?? Number.NaN;
      offset += weight.shape.reduce((product, length) => product * length, size);
    }
  }
  return undefined;
}

async function readInteger(directory: string, shards: readonly string[], offset: number): Promise<number | undefined> {
  let start = offset;
  for (const shard of shards) {
    const file = path.join(directory, path.basename(shard));
    const { size } = await stat(file);
    if (start + 4 <= size) {
      const handle = await open(file);
      try {
        const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, start);
        return buffer.readInt32LE();
      } finally {
        await handle.close();
      }
    }
    start -= size;
  }
  return undefined;
}
