import { type Entry, getFileNameLowLevel } from 'yauzl';
import { AppError } from '../../errors.ts';
import type { ArchiveLimits } from './archive-limits.ts';
import { pathKey, plainPathProblem } from './plain-path.ts';

/** A file of an archive that may be written. */
export interface PlannedFile {
  readonly entry: Entry;
  /** Where it goes, below the folder that is filled. */
  readonly path: string;
}

const fileTypeMask = 0o170000;
const regularFile = 0o100000;
const folder = 0o040000;
/** Windows' mark of a link. */
const reparsePoint = 0x400;
/** PKWARE's and ASi's Unix fields, with the bytes they have when they name no link. */
const linkFields: Readonly<Record<number, number>> = { 13: 12, 30062: 14 };

const quote = (text: string): string => JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text);
const forbidden = (path: string, problem: string): AppError =>
  new AppError(
    'ARCHIVE_PATH',
    `The archive's entry ${quote(path)} ${problem}; expected plain files and folders below its top. Pack it again.`,
    {
      violations: [{ path, message: problem }],
    },
  );
const exceeded = (problem: string): AppError =>
  new AppError('ARCHIVE_LIMIT', `The archive ${problem}. Pack the model's own files only.`);

/**
 * Looks at an archive's table of contents, before a byte is unpacked, and decides what is written where. Call `add`
 * for every entry, then `files`.
 */
export class ArchivePlan {
  readonly #limits: ArchiveLimits;
  readonly #archiveBytes: number;
  readonly #kinds = new Map<string, 'file' | 'folder' | 'implied'>();
  readonly #files: PlannedFile[] = [];
  #entries = 0;
  #totalBytes = 0;

  /** @param archiveBytes  size of the archive itself. */
  constructor(archiveBytes: number, limits: ArchiveLimits) {
    this.#archiveBytes = archiveBytes;
    this.#limits = limits;
  }

  /** @throws AppError ARCHIVE_PATH, ARCHIVE_LIMIT, MODEL_MALFORMED */
  add(entry: Entry): void {
    this.#entries += 1;
    if (this.#entries > this.#limits.entries) throw exceeded(`has more than ${this.#limits.entries} entries`);
    const name = getFileNameLowLevel(entry.generalPurposeBitFlag, entry.fileNameRaw, entry.extraFields, true);
    const isFolder = name.endsWith('/');
    const path = isFolder ? name.slice(0, -1) : name;
    const problem = plainPathProblem(path) ?? linkProblem(entry, isFolder);
    if (problem) throw forbidden(name, problem);
    this.#claim(path, isFolder ? 'folder' : 'file');
    this.#measure(entry, path);
    if (isFolder || isClutter(path)) return;
    if (!entry.canDecodeFileData()) {
      throw new AppError(
        'MODEL_MALFORMED',
        `The archive's entry ${quote(path)} uses compression method ${entry.compressionMethod}; expected stored or deflated files. Pack it as a common zip.`,
      );
    }
    this.#files.push({ entry, path });
  }

  /**
   * The files to write. When all lie in one top folder, it is left out.
   *
   * @throws AppError MODEL_MALFORMED when there are none.
   */
  files(): readonly PlannedFile[] {
    const [first] = this.#files;
    if (!first) throw new AppError('MODEL_MALFORMED', 'The archive holds no files; expected a model. Pack it again.');
    const top = first.path.slice(0, first.path.indexOf('/') + 1);
    if (top === '' || !this.#files.every(({ path }) => path.startsWith(top))) return this.#files;
    return this.#files.map(({ entry, path }) => ({ entry, path: path.slice(top.length) }));
  }

  /** A name is taken once; what is a folder for one file cannot be a file itself. */
  #claim(path: string, kind: 'file' | 'folder'): void {
    const key = pathKey(path);
    const before = this.#kinds.get(key);
    if (before !== undefined && !(kind === 'folder' && before === 'implied')) {
      throw forbidden(path, 'is there twice (letter case and Unicode forms do not count)');
    }
    this.#kinds.set(key, kind);
    for (let at = key.lastIndexOf('/'); at > 0; at = key.lastIndexOf('/', at - 1)) {
      const parent = key.slice(0, at);
      const kindOfParent = this.#kinds.get(parent);
      if (kindOfParent === 'file') throw forbidden(path, 'lies below another file');
      if (kindOfParent === undefined) this.#kinds.set(parent, 'implied');
    }
  }

  #measure(entry: Entry, path: string): void {
    const { ratio, ratioFromBytes, totalBytes } = this.#limits;
    if (entry.isEncrypted()) throw exceeded(`has the encrypted entry ${quote(path)}`);
    const { compressedSize, uncompressedSize } = entry;
    if (uncompressedSize > ratioFromBytes && uncompressedSize > ratio * compressedSize) {
      throw exceeded(`has the entry ${quote(path)}, which unpacks to more than ${ratio} times its size`);
    }
    this.#totalBytes += uncompressedSize;
    if (this.#totalBytes > totalBytes) throw exceeded(`unpacks to more than ${totalBytes} bytes`);
    // Entries may share their bytes inside the archive, so that none of them alone looks strange.
    if (this.#totalBytes > ratioFromBytes && this.#totalBytes > ratio * this.#archiveBytes) {
      throw exceeded(`unpacks to more than ${ratio} times its size`);
    }
  }
}

function linkProblem(entry: Entry, isFolder: boolean): string | undefined {
  const type = (entry.externalFileAttributes >>> 16) & fileTypeMask;
  // Archives made on Windows carry no Unix type.
  if (type !== 0 && type !== (isFolder ? folder : regularFile)) return 'is a link or special file';
  if (entry.externalFileAttributes & reparsePoint) return 'is a link';
  for (const { id, data } of entry.extraFields) {
    const plainBytes = linkFields[id];
    if (plainBytes !== undefined && data.byteLength > plainBytes) return 'is a link';
  }
  return undefined;
}

/** What macOS adds to archives. Left out, since its `._model.onnx` is no model. */
function isClutter(path: string): boolean {
  const segments = path.split('/');
  const name = segments.at(-1) ?? '';
  return segments[0] === '__MACOSX' || name === '.DS_Store' || name.startsWith('._');
}
