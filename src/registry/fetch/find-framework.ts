import { open } from 'node:fs/promises';
import { AppError } from '../../errors.ts';
import { isHubLayout } from '../folder/read-entries.ts';
import type { Framework } from '../frameworks.ts';
import { contentKind, headBytes } from '../gate/content-kind.ts';
import { archivePaths } from '../package/extract-archive.ts';
import { isZip } from '../package/is-zip.ts';

/**
 * Which framework a received file belongs to, by its content; whether it really does, the gate finds out.
 *
 * @param isHub  it came from the hub, where a folder `onnx/` is meant for Transformers.js.
 * @throws AppError MODEL_FORMAT when that does not show, ARCHIVE_* and MODEL_MALFORMED for a zip that is none.
 */
export async function findFramework(file: string, isHub: boolean): Promise<Framework> {
  if (await isZip(file)) return frameworkOf(await archivePaths(file), isHub);
  // A bare JSON file may be a layers model or the description of a model elsewhere; all else only ONNX could be.
  if ((await kindOf(file)) === 'json') throw unclear('a JSON file');
  return 'onnx';
}

function frameworkOf(paths: readonly string[], isHub: boolean): Framework {
  if (paths.includes('model.json')) return 'tensorflow';
  const models = paths.filter((path) => path.endsWith('.onnx'));
  if (models.length === 0) throw unclear('no .onnx file and no model.json');
  return (isHub || models.length > 1) && isHubLayout(paths, models) ? 'transformers' : 'onnx';
}

async function kindOf(file: string) {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(headBytes), 0, headBytes, 0);
    return contentKind(buffer.subarray(0, bytesRead));
  } finally {
    await handle.close();
  }
}

const unclear = (found: string): AppError =>
  new AppError('MODEL_FORMAT', `Expected files that show their framework, found ${found}. Name it in "framework".`);
