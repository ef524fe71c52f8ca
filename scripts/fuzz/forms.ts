import type { Chance } from './chance.ts';
import { type Known, passingName } from './known.ts';
import { oddTexts } from './odd-values.ts';

/** A multipart form as `POST /model/upload` takes it, sometimes with something wrong in it. */
export function uploadForm(known: Known, chance: Chance): { readonly type: string; readonly bytes: Buffer } {
  const boundary = chance.happens(0.95) ? '----fuzz' : 'b'.repeat(100);
  const fields: [string, string][] = [
    ['modelName', passingName(chance)],
    ['modelVersion', `v${1 + chance.below(5)}`],
    ['framework', 'onnx'],
    ['metadata', '{"taskType":"classification"}'],
  ];
  const spoil: readonly (() => void)[] = [
    () => void fields.pop(),
    () => void fields.shift(),
    () => void fields.push(['modelName', 'twice']),
    () => void fields.push([chance.one(oddTexts).slice(0, 300), chance.one(oddTexts)]),
    () => void fields.push(['metadata', '{']),
    () =>
      void fields.push(['inputSchema', chance.one(['{', '[]', '{"inputs":[{"name":"x","shape":[1e99]}]}', 'null'])]),
    () => void fields.push(['stage', chance.one(oddTexts)]),
    () => void fields.push(...Array.from({ length: 30 }, (_, index): [string, string] => [`f${index}`, 'x'])),
    () => void fields.push(['big', 'x'.repeat(70_000)]),
  ];
  if (chance.happens(0.7)) chance.one(spoil)();
  const part = (name: string, content: string | Buffer, filename?: string) => [
    Buffer.from(
      `--${boundary}\r\ncontent-disposition: form-data; name="${name}"${filename ? `; filename="${filename}"` : ''}\r\n\r\n`,
    ),
    Buffer.from(content),
    Buffer.from('\r\n'),
  ];
  const files = chance.one([0, 1, 1, 1, 1, 2]);
  const bytes = Buffer.concat([
    ...fields.flatMap(([name, content]) => part(name, content)),
    ...Array.from({ length: files }, () => part('file', spoiltBytes(known.modelBytes, chance), 'm.onnx')).flat(),
    Buffer.from(chance.happens(0.9) ? `--${boundary}--\r\n` : ''),
  ]);
  const type = chance.one([
    ...Array.from({ length: 12 }, () => `multipart/form-data; boundary=${boundary}`),
    'multipart/form-data',
    'multipart/form-data; boundary=',
    'multipart/form-data; boundary=other',
    'multipart/mixed; boundary=----fuzz',
    'application/x-www-form-urlencoded',
  ]);
  return { type, bytes: chance.happens(0.6) ? bytes : spoiltForm(bytes, boundary, chance) };
}

/** A form whose frame is broken: cut off, or with heads of parts that no browser writes. */
function spoiltForm(bytes: Buffer, boundary: string, chance: Chance): Buffer {
  // latin1 carries every byte of the file through a text and back.
  const text = bytes.toString('latin1');
  const spoilt: readonly (() => string)[] = [
    () => text.slice(0, chance.below(text.length)),
    () => text.slice(chance.below(200)),
    () => text.replaceAll('\r\n', '\n'),
    () => text.replace('; name=', "; filename*=utf-8''..%2f..%2fetc%2fpasswd; name="),
    () => text.replace('filename="m.onnx"', 'filename="../../../etc/passwd"'),
    () => text.replace('form-data', 'attachment'),
    () => text.replace('name="modelName"', 'name="__proto__"'),
    () => text.replace('\r\n\r\n', `\r\nx-long: ${'y'.repeat(100_000)}\r\n\r\n`),
    () => text.replace('\r\n\r\n', '\r\ncontent-type: multipart/mixed; boundary=inner\r\n\r\n--inner\r\n'),
    () => text.replace('\r\n\r\n', '\r\ncontent-transfer-encoding: base64\r\n\r\n'),
    () => text.replace('content-disposition', 'content-disposition\u0000'),
    () => text.replaceAll(`--${boundary}`, `--${boundary} `),
    () => `preamble\r\n${text}\r\nepilogue`,
    () => `--${boundary}--\r\n${text}`,
    () => `--${boundary}\r\n`.repeat(5_000),
  ];
  return Buffer.from(chance.one(spoilt)(), 'latin1');
}

/** The bytes, some of them cut off or replaced. */
export function spoiltBytes(bytes: Buffer, chance: Chance): Buffer {
  if (chance.happens(0.3)) return bytes;
  if (chance.happens(0.2)) return bytes.subarray(0, chance.below(bytes.length));
  if (chance.happens(0.1))
    return Buffer.from(chance.one(['', '<html>', '{}', '\u0080\u0004\u0095', 'PK\u0003\u0004']), 'latin1');
  const spoilt = Buffer.from(bytes);
  for (let count = 1 + chance.below(4); count > 0; count--) spoilt[chance.below(spoilt.length)] = chance.below(256);
  return spoilt;
}
