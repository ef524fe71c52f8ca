import { basename } from 'node:path';
import { AppError } from '../../errors.ts';
import { chooseFiles, dtypesInOrder, type HubDtype, hubFile, isHubDtype } from '../package/hub-layout.ts';

/** Precisions in which the hub offers a model. */
export const variants: readonly string[] = dtypesInOrder;
export const isVariant = (text: string): boolean => isHubDtype(text) || isOnnx(text);

const isOnnx = (path: string): boolean => path.endsWith('.onnx');

/**
 * Leaves of several ONNX files those of one variant, and all other files as they are.
 *
 * @param variant  a precision, or the path or name of one file; the best precision there is unless given. A part of
 *                 the model that has no file in the precision comes in the best it has.
 * @throws AppError MODEL_FORMAT when no file is of the variant.
 */
export function pickVariant<T extends { readonly path: string }>(files: readonly T[], variant?: string): T[] {
  const models = files.map(({ path }) => path).filter(isOnnx);
  const chosen = new Set(chosenOf(models, variant));
  if (chosen.size === 0) {
    const there = models.length === 0 ? 'no ONNX files at all' : models.slice(0, 16).join(', ');
    throw new AppError(
      'MODEL_FORMAT',
      `Expected ONNX files of variant ${JSON.stringify(variant)}, found ${there}. Name one of those, or one of ${variants.join(', ')}.`,
    );
  }
  return files.filter(({ path }) => !isOnnx(path) || chosen.has(path));
}

function chosenOf(models: readonly string[], variant: string | undefined): readonly string[] {
  if (variant !== undefined && isOnnx(variant)) {
    const exact = models.filter((path) => path === variant);
    return exact.length > 0 ? exact : models.filter((path) => basename(path) === variant);
  }
  const chosen = chooseFiles(models.map(hubFile), variant as HubDtype | undefined);
  const isThere = variant === undefined || chosen.some(({ dtype }) => dtype === variant);
  return isThere ? chosen.map(({ path }) => path) : [];
}

/** Weights of other runtimes and exports for other devices, which a repository holds beside what is needed. */
const foreignFolders = /^(openvino|coreml|tf|flax|pytorch|original|\.git\w*)\//i;
const settings = /\.(json|jinja|model)$|(^|\/)(vocab|merges)\.txt$|^(LICENSE|NOTICE)(\.txt)?$/i;

/**
 * The files of a repository on the hub that make up a package: the ONNX files of one variant with all settings, or
 * a TensorFlow.js model with its shards.
 *
 * @throws AppError MODEL_FORMAT when there is neither.
 */
export function pickHubFiles<T extends { readonly path: string }>(files: readonly T[], variant?: string): T[] {
  const own = files.filter(({ path }) => !foreignFolders.test(path));
  if (own.some(({ path }) => isOnnx(path)))
    return pickVariant(
      own.filter(({ path }) => isOnnx(path) || settings.test(path)),
      variant,
    );
  if (variant === undefined && own.some(({ path }) => path === 'model.json'))
    return own.filter(({ path }) => settings.test(path) || path.endsWith('.bin'));
  throw new AppError(
    'MODEL_FORMAT',
    'Expected a repository with ONNX files, or with a TensorFlow.js model.json, found neither. Name one that was exported to ONNX.',
  );
}
