import { constants, gunzipSync, inflateSync } from 'node:zlib';

/** What the first bytes of a file say it is. `unknown` may be an ONNX file: protobuf has no mark of its own. */
export type ContentKind =
  | 'empty'
  | 'zeros'
  | 'html'
  | 'json'
  | 'onnx-like'
  | 'pickle'
  | 'keras-h5'
  | 'gguf'
  | 'zip'
  | 'compressed'
  | 'safetensors'
  | 'ort'
  | 'tflite'
  | 'unknown';

/** How many bytes `contentKind` wants to see. */
export const headBytes = 4096;

const startsWith = (head: Uint8Array, ...bytes: number[]): boolean => bytes.every((byte, at) => head[at] === byte);
const ascii = (head: Uint8Array, from: number, length: number): string =>
  Buffer.from(head.subarray(from, from + length)).toString('latin1');

/**
 * Decides by content, never by name. A file that is two things at once is what its first bytes say.
 *
 * @param head  the first bytes of the file, up to `headBytes` of them.
 */
export function contentKind(head: Uint8Array): ContentKind {
  if (head.byteLength === 0) return 'empty';
  if (head.every((byte) => byte === 0)) return 'zeros';
  if (isPickle(head)) return 'pickle';
  if (startsWith(head, 0x89, 0x48, 0x44, 0x46)) return 'keras-h5';
  if (startsWith(head, 0x50, 0x4b) && ['\x03\x04', '\x05\x06', '\x07\x08'].includes(ascii(head, 2, 2))) return 'zip';
  if (['GGUF', 'ggml', 'ggjt', 'lmgg', 'tjgg'].includes(ascii(head, 0, 4))) return 'gguf';
  // Both stand behind four free bytes, where a protobuf string could imitate them: refused all the same.
  if (ascii(head, 4, 4) === 'ORTM') return 'ort';
  if (ascii(head, 4, 4) === 'TFL3') return 'tflite';
  if (ascii(head, 4, 6) === '\0\0\0\0{"') return 'safetensors';
  const compressed = compressedKind(head);
  if (compressed) return compressed;
  const text = ascii(head, 0, 256)
    .replace(/^\xef\xbb\xbf/, '')
    .trimStart();
  if (/^[{[]/.test(text)) return 'json';
  if (/^<(!doctype|html|head|body|\?xml|!--|[a-z]+[\s>])/i.test(text)) return 'html';
  return isOnnxLike(head) ? 'onnx-like' : 'unknown';
}

/** Pickle protocols 2 to 5 start with a mark; the older ones are text. */
function isPickle(head: Uint8Array): boolean {
  if (head[0] === 0x80 && (head[1] as number) >= 2 && (head[1] as number) <= 5) return true;
  return /^(\((dp|lp|i[a-z_])|c[A-Za-z_][\w.]*\n[A-Za-z_]\w*\n)/.test(ascii(head, 0, 128));
}

/** Joblib writes compressed pickles; a zlib or gzip stream is opened just far enough to see one. */
function compressedKind(head: Uint8Array): ContentKind | undefined {
  const gzip = startsWith(head, 0x1f, 0x8b);
  const zlib = head[0] === 0x78 && [0x01, 0x5e, 0x9c, 0xda].includes(head[1] as number);
  if (gzip || zlib) {
    try {
      const options = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 2 ** 20 * 8 };
      return isPickle((gzip ? gunzipSync : inflateSync)(head, options).subarray(0, 128)) ? 'pickle' : 'compressed';
    } catch {
      // Not a stream after all, or one that unpacks to far more than it should.
      return gzip ? 'compressed' : undefined;
    }
  }
  const others = ['BZh', '\xfd7zXZ', '\x04\x22\x4d\x18', '\x28\xb5\x2f\xfd', '\x5d\0\0', '7z\xbc\xaf'];
  return others.some((mark) => ascii(head, 0, mark.length) === mark) ? 'compressed' : undefined;
}

/** Every exporter writes `ir_version` first, then another field of ModelProto. */
function isOnnxLike(head: Uint8Array): boolean {
  const fields = [0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42, 0x72];
  return (
    head[0] === 0x08 && (head[1] as number) >= 1 && (head[1] as number) < 0x40 && fields.includes(head[2] as number)
  );
}
