import { basename } from 'node:path';

/** Precisions of the Hugging Face hub with the ending that marks a file of each; the best to have comes first. */
const endings = {
  fp32: '',
  q8: '_quantized',
  int8: '_int8',
  uint8: '_uint8',
  fp16: '_fp16',
  q4: '_q4',
  q4f16: '_q4f16',
  bnb4: '_bnb4',
  q2: '_q2',
  q2f16: '_q2f16',
  q1: '_q1',
  q1f16: '_q1f16',
} as const;

export type HubDtype = keyof typeof endings;
export const dtypesInOrder = Object.keys(endings) as readonly HubDtype[];
const marked = dtypesInOrder.filter((dtype) => dtype !== 'fp32');

/** Where a model of several files begins; one of a single file is called `model`. */
const firstParts = ['model', 'encoder_model', 'decoder_model_merged', 'language_model', 'embed_tokens'];

/** An ONNX file of the hub layout: which part of the model it is, and in which precision. */
export interface HubFile {
  /** Path below the package's folder. */
  readonly path: string;
  /** `model`, `encoder_model`, ... */
  readonly part: string;
  readonly dtype: HubDtype;
}

/**
 * Reads a file's name.
 *
 * @example hubFile('onnx/decoder_model_merged_q4f16.onnx') // { path: 'onnx/decoder_model_merged_q4f16.onnx', part: 'decoder_model_merged', dtype: 'q4f16' }
 */
export function hubFile(path: string): HubFile {
  const name = basename(path).replace(/\.onnx$/, '');
  const dtype = marked.find((one) => name.endsWith(endings[one])) ?? 'fp32';
  return { path, part: name.slice(0, name.length - endings[dtype].length), dtype };
}

/**
 * Chooses one precision for every part of a model: the wanted one where a part has it, else the best there is.
 *
 * @returns the chosen files, in the order of the parts' names.
 */
export function chooseFiles(files: readonly HubFile[], wanted?: HubDtype): HubFile[] {
  const order = wanted ? [wanted, ...dtypesInOrder] : dtypesInOrder;
  const parts = [...new Set(files.map(({ part }) => part))].sort();
  return parts.flatMap((part) => {
    const own = files.filter((file) => file.part === part);
    const dtype = order.find((one) => own.some((file) => file.dtype === one));
    return own.find((file) => file.dtype === dtype) ?? [];
  });
}

/** What metadata says of the file to load: its name, or else a precision. */
export const wantedHubFile = (filename: string | undefined, dtype: unknown): string | undefined =>
  filename?.endsWith('.onnx') ? filename : typeof dtype === 'string' ? dtype : undefined;

/**
 * The file that stands for a whole model of the hub layout, and by its precision for those beside it.
 *
 * @param paths   `.onnx` files of one package.
 * @param wanted  a file's path or name, or a precision such as `q8`.
 * @returns       undefined when none is what was wanted.
 */
export function mainHubFile(paths: readonly string[], wanted?: string): string | undefined {
  if (wanted !== undefined && !isHubDtype(wanted)) {
    const named = paths.filter((path) => path === wanted || basename(path) === wanted);
    return named.length === 1 ? named[0] : undefined;
  }
  const chosen = chooseFiles(paths.map(hubFile), wanted).filter(({ dtype }) => !wanted || dtype === wanted);
  const first = firstParts.flatMap((part) => chosen.find((file) => file.part === part) ?? [])[0];
  return (first ?? chosen[0])?.path;
}

export const isHubDtype = (text: string): text is HubDtype => Object.hasOwn(endings, text);
