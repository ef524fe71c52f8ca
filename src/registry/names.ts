import { AppError } from '../errors.ts';
import { modelAttributes } from '../store/rows.ts';

const pattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const reservedNames = new Set(['upload', 'versions', 'select', 'import', 'fetch']);
const reservedVersions = new Set([
  'versions',
  'active',
  'history',
  'promote',
  'rollback',
  'aliases',
  'validation-history',
]);

// Harper's REST reads the last dotted part of an id as a format or as a field of the record.
const formats = ['json', 'csv', 'cbor', 'msgpack'];
const reservedSuffixes = new Set([...formats, 'modelBlob', ...modelAttributes].map((word) => word.toLowerCase()));

/** Why a text cannot be a model name, or undefined when it can. */
export const nameProblem = (text: string): string | undefined => problem(text, reservedNames);

/** Why a text cannot be a model version, or undefined when it can. */
export const versionProblem = (text: string): string | undefined => problem(text, reservedVersions);

function problem(text: string, reserved: ReadonlySet<string>): string | undefined {
  if (!pattern.test(text)) return 'must be 1 to 128 of A-Z a-z 0-9 . _ - and begin with a letter or digit';
  if (text.endsWith('.')) return 'must not end in a dot';
  if (text.includes('..')) return 'must not hold two dots in a row';
  const suffix = text.includes('.') ? text.slice(text.lastIndexOf('.') + 1).toLowerCase() : undefined;
  if (suffix !== undefined && reservedSuffixes.has(suffix))
    return `must not end in ".${suffix}", which is a format or a field`;
  if (reserved.has(text.toLowerCase())) return `"${text}" is reserved`;
  return undefined;
}

/** @throws AppError ID_INVALID */
export function checkName(text: string): string {
  return checked(text, 'modelName', nameProblem(text));
}

/** @throws AppError ID_INVALID */
export function checkVersion(text: string): string {
  return checked(text, 'modelVersion', versionProblem(text));
}

function checked(text: string, path: string, message: string | undefined): string {
  if (message) throw new AppError('ID_INVALID', `${path} ${message}.`, { violations: [{ path, message }] });
  return text;
}

/** @example buildModelKey('iris', 'v1') // 'iris:v1' */
export const buildModelKey = (modelName: string, modelVersion: string): string => `${modelName}:${modelVersion}`;

/**
 * @throws AppError ID_INVALID
 * @example parseModelKey('iris:v1') // { modelName: 'iris', modelVersion: 'v1' }
 */
export function parseModelKey(key: string): { modelName: string; modelVersion: string } {
  const [modelName = '', modelVersion = '', ...rest] = key.split(':');
  if (rest.length > 0)
    throw new AppError('ID_INVALID', 'A model key has the form modelName:modelVersion, with one colon.');
  return { modelName: checkName(modelName), modelVersion: checkVersion(modelVersion) };
}
