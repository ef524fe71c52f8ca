import { readdir, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, sep } from 'node:path';
import { AppError } from '../../errors.ts';
import { isModelFile } from '../folder/read-entries.ts';

/** A file or folder that may be read: where it really lies, with every link followed. */
export interface FoundModel {
  readonly path: string;
  readonly isFolder: boolean;
}

const maxFiles = 1000;
const maxDepth = 16;

/** The folders of this machine from which models may be taken, `MODELS_DIR` and `models/`, and nothing beside them. */
export class ModelFolders {
  readonly #folders: readonly string[];

  /** @param folders  absolute paths; a reference means the first that has it. */
  constructor(folders: readonly string[]) {
    this.#folders = folders;
  }

  /**
   * Finds what a caller names. What is not there, and what lies elsewhere, are told in the same words.
   *
   * @param reference  relative to one of the folders, `models/` included or not; absolute when it lies in one.
   * @throws AppError PATH_FORBIDDEN
   */
  async find(reference: string): Promise<FoundModel> {
    const parts = reference.split(/[/\\]/);
    if (reference === '' || parts.includes('..')) throw forbidden(reference);
    const roots = await this.#roots();
    for (const candidate of this.#candidates(reference)) {
      const path = await realpath(candidate).catch(() => undefined);
      if (path === undefined || !isBelow(path, roots)) continue;
      const found = await stat(path);
      // A pipe or a device would be read for ever.
      if (found.isFile() || found.isDirectory()) return { path, isFolder: found.isDirectory() };
    }
    throw forbidden(reference);
  }

  /**
   * The files of a found folder that make up a model, links to files within the models folders included.
   *
   * @throws AppError PATH_FORBIDDEN for a link that leads out, ARCHIVE_LIMIT for too many files.
   */
  async filesOf({ path }: FoundModel): Promise<{ path: string; source: string; size: number }[]> {
    const roots = await this.#roots();
    const files: { path: string; source: string; size: number }[] = [];
    const walk = async (folder: string, prefix: string, depth: number): Promise<void> => {
      if (depth > maxDepth) throw tooMany();
      for (const item of (await readdir(folder)).sort()) {
        const name = `${prefix}${item}`;
        const source = await realpath(join(folder, item)).catch(() => undefined);
        if (source === undefined || !isBelow(source, roots)) throw forbidden(name);
        const found = await stat(source);
        if (found.isDirectory()) await walk(source, `${name}/`, depth + 1);
        else if (found.isFile() && isModelFile(name)) files.push({ path: name, source, size: found.size });
        if (files.length > maxFiles) throw tooMany();
      }
    };
    await walk(path, '', 0);
    return files;
  }

  #candidates(reference: string): string[] {
    if (isAbsolute(reference)) return [reference];
    const inside = reference.replace(/^(\.\/)*models\//, '');
    const places = inside === reference ? [reference] : [reference, inside];
    return this.#folders.flatMap((folder) => places.map((place) => join(folder, place)));
  }

  async #roots(): Promise<string[]> {
    const real = await Promise.all(this.#folders.map((folder) => realpath(folder).catch(() => undefined)));
    return real.filter((folder) => folder !== undefined);
  }
}

const isBelow = (path: string, roots: readonly string[]): boolean =>
  roots.some((root) => path === root || path.startsWith(root.endsWith(sep) ? root : `${root}${sep}`));

const forbidden = (reference: string): AppError =>
  new AppError(
    'PATH_FORBIDDEN',
    `Expected a file or folder below MODELS_DIR or models/, got ${JSON.stringify(reference.slice(0, 256))}, which is not there or leads out of them. Put the model into one of them, and name it relative to that folder.`,
  );

const tooMany = (): AppError =>
  new AppError(
    'ARCHIVE_LIMIT',
    `Expected a folder of at most ${maxFiles} files, ${maxDepth} levels deep, found more. Name the folder of one model.`,
  );
