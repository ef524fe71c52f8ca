const maxSegmentBytes = 255;
const maxPathBytes = 1024;
const maxSegments = 32;

/**
 * What keeps a path from being a plain relative one inside a package, on any operating system; undefined when
 * it is one. Plain is `model.json` or `onnx/model.onnx`: parts between slashes, none of them empty, `.` or `..`.
 *
 * @example plainPathProblem('onnx/model.onnx') // undefined
 * @example plainPathProblem('../model.onnx') // 'has a ".." part'
 */
export function plainPathProblem(path: string): string | undefined {
  if (path === '') return 'is empty';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for.
  if (/[\u0000-\u001f\u007f]/.test(path)) return 'has a control character';
  if (path.includes('\\')) return 'has a backslash';
  if (path.startsWith('/')) return 'is absolute';
  if (/^[a-z]:/i.test(path)) return 'has a drive letter';
  if (/\p{Surrogate}/u.test(path)) return 'is not valid Unicode';
  if (Buffer.byteLength(path) > maxPathBytes) return `has more than ${maxPathBytes} bytes`;
  const segments = path.split('/');
  if (segments.length > maxSegments) return `has more than ${maxSegments} parts`;
  for (const segment of segments) {
    if (segment === '') return 'has an empty part';
    if (segment === '.' || segment === '..') return `has a "${segment}" part`;
    if (Buffer.byteLength(segment) > maxSegmentBytes) return `has a part of more than ${maxSegmentBytes} bytes`;
  }
  return undefined;
}

/** Two paths with the same key are one file on some file system: letter case and Unicode forms do not count. */
export const pathKey = (path: string): string => path.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC');
