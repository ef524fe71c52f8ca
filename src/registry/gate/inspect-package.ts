import { lstat, open } from 'node:fs/promises';
import { join } from 'node:path';
import { checkContent } from './check-content.ts';
import { contentKind, headBytes } from './content-kind.ts';
import { inspectOnnxFile } from './onnx/inspect-onnx.ts';
import { quote, refusal } from './refusal.ts';
import { defaultLimits, type GatedFramework, type GateLimits, type PackageReport } from './report.ts';
import { inspectTensorflow } from './tensorflow/inspect-tensorflow.ts';
import { inspectTransformers } from './transformers/inspect-transformers.ts';

const inspectors: Record<
  GatedFramework,
  (directory: string, entry: string, limits: GateLimits) => PackageReport | Promise<PackageReport>
> = {
  onnx: (directory, entry, limits) => inspectOnnxFile(join(directory, entry), limits),
  tensorflow: inspectTensorflow,
  transformers: inspectTransformers,
  // It brings a schema library that runners, which never see such a package, start without.
  ollama: async (directory, entry) => (await import('./ollama/inspect-ollama.ts')).inspectOllama(directory, entry),
};

/**
 * The gate: reads a package's model file without any native code and refuses what could read other files,
 * exhaust memory, crash a runtime or is not what it is said to be. A model that passes may still fail to load.
 *
 * Walking is synchronous work of milliseconds (seconds for hostile files at the limit): call it in a runner.
 *
 * @param from.directory  the unpacked package.
 * @param from.entry      the model file in it, as `findEntry` answers.
 * @param from.framework  what the package was declared to be.
 * @throws AppError FORMAT_NOT_LOADABLE, MODEL_FORMAT, MODEL_MALFORMED, MODEL_EXTERNAL_DATA, MODEL_SHAPE, MODEL_DTYPE,
 *         MODEL_OP_UNSUPPORTED, MODEL_TOO_COMPLEX, MODEL_TOO_LARGE, MODEL_MANIFEST
 */
export async function inspectPackage(from: {
  readonly directory: string;
  readonly entry: string;
  readonly framework: GatedFramework;
  readonly limits?: Partial<GateLimits>;
}): Promise<PackageReport> {
  const limits = { ...defaultLimits, ...from.limits };
  checkContent(contentKind(await readHead(from.directory, from.entry)), from.framework);
  return inspectors[from.framework](from.directory, from.entry, limits);
}

async function readHead(directory: string, entry: string): Promise<Uint8Array> {
  const file = join(directory, entry);
  const status = await lstat(file).catch(() => undefined);
  if (!status?.isFile()) {
    throw refusal(
      'MODEL_MALFORMED',
      '',
      `expected the model file ${quote(entry)} in the package, found none. Send it with the package.`,
    );
  }
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(headBytes), 0, headBytes, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
