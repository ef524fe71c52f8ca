import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '../../errors.ts';
import type { ModelPackage } from '../backend.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * A JSON file of a package.
 *
 * @returns undefined when the package has no such file.
 * @throws AppError MODEL_MANIFEST when it holds no JSON
 */
export async function readPackageJson({ directory }: ModelPackage, name: string): Promise<unknown> {
  const text = await readFile(path.join(directory, name), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AppError(
      'MODEL_MANIFEST',
      `Expected JSON in ${name} of the model's package, came something else; upload the file again`,
      { cause },
    );
  }
}

/** As `readPackageJson`, for files that hold an object; anything else counts as an empty one. */
export async function readPackageObject(files: ModelPackage, name: string): Promise<JsonObject> {
  const json = await readPackageJson(files, name);
  return typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as JsonObject) : {};
}
