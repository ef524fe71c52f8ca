import type { IncomingMessage } from 'node:http';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it, vi } from 'vitest';
import { AppError } from '../../../src/errors.ts';
import { readForm } from '../../../src/resources/edge/read-form.ts';
import { refusal } from '../../support/codes.ts';

type Part = readonly [name: string, value: string, filename?: string];

function formOf(parts: readonly Part[], ending = '--b--\r\n'): Buffer {
  const shown = parts.map(([name, value, filename]) => {
    const file = filename === undefined ? '' : `; filename="${filename}"\r\ncontent-type: application/octet-stream`;
    return `--b\r\ncontent-disposition: form-data; name="${name}"${file}\r\n\r\n${value}\r\n`;
  });
  return Buffer.from(shown.join('') + ending);
}

/** A request whose pieces come one after the other, with time between them to be read. */
function request(bytes: Buffer | readonly Buffer[], type = 'multipart/form-data; boundary=b') {
  async function* arriving() {
    for (const piece of Buffer.isBuffer(bytes) ? [bytes] : bytes) {
      yield piece;
      await new Promise(setImmediate);
    }
  }
  return Object.assign(Readable.from(arriving()), { headers: { 'content-type': type } }) as unknown as IncomingMessage;
}

const file: Part = ['file', 'weights', 'model.onnx'];

/** Receives a file whole; notes what came whole and what it was told to throw away. */
function receiver() {
  const received: string[] = [];
  const discard = vi.fn(async (_file: string) => {});
  const receive = async (bytes: Readable) => {
    const whole = await text(bytes);
    received.push(whole);
    return whole;
  };
  return { discard, received, read: (incoming: IncomingMessage) => readForm(incoming, receive, discard) };
}

describe('a form', () => {
  it('has fields and a file, in any order and in any pieces', async () => {
    const parts: Part[] = [['modelName', 'iris'], file, ['note', 'größe'], ['__proto__', 'x']];
    const bytes = formOf(parts);
    for (const size of [3, 50, bytes.length]) {
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
        bytes.subarray(index * size, (index + 1) * size),
      );
      const form = await receiver().read(request(pieces));
      expect(form.file).toBe('weights');
      expect(Object.entries(form.fields)).toEqual([
        ['modelName', 'iris'],
        ['note', 'größe'],
        ['__proto__', 'x'],
      ]);
    }
  });

  it('of a large file is handed on as it arrives', async () => {
    const large = 'x'.repeat(3_000_000);
    const form = await receiver().read(request(formOf([['file', large, 'f']])));
    expect(form.file.length).toBe(3_000_000);
  });

  it.each<[string, Part[], string, number]>([
    ['no file', [['modelName', 'iris']], 'INVALID_INPUT', 0],
    ['two files', [file, ['file', 'more', 'b']], 'INVALID_INPUT', 1],
    ['a field twice', [file, ['a', '1'], ['a', '2']], 'INVALID_INPUT', 1],
    ['a field above 64 kB', [file, ['a', 'x'.repeat(65_537)]], 'BODY_TOO_LARGE', 1],
    ['21 fields', [file, ...Array.from({ length: 21 }, (_, index): Part => [`f${index}`, '1'])], 'INVALID_INPUT', 1],
  ])('with %s is refused, and what was received is thrown away', async (_what, parts, code, files) => {
    for (const slowly of [true, false]) {
      const { discard, received, read } = receiver();
      const pieces = slowly
        ? parts.map((part, index) => formOf([part], index === parts.length - 1 ? undefined : ''))
        : formOf(parts);
      expect((await refusal(() => read(request(pieces)))).code).toBe(code);
      expect(discard.mock.calls.length).toBe(received.length);
      if (slowly) expect(received.length).toBe(files);
    }
  });

  it('that is refused before its file came receives none', async () => {
    for (const pieces of [
      formOf([['a', '1'], ['a', '2'], file]),
      formOf([['a', '1'], ['a', '2'], file], '').subarray(0, -4),
    ]) {
      const { received, discard, read } = receiver();
      expect((await refusal(() => read(request(pieces)))).code).toBe('INVALID_INPUT');
      expect([received.length, discard.mock.calls.length]).toEqual([0, 0]);
    }
  });

  it('may have a field of 64 kB', async () => {
    expect((await receiver().read(request(formOf([file, ['a', 'x'.repeat(65_535)]])))).fields.a?.length).toBe(65_535);
  });

  it.each([
    ['in the middle of the file', formOf([file], '').subarray(0, -5)],
    ['before its end', formOf([file], '')],
    ['without a part', Buffer.from('nothing of the kind')],
    ['empty', Buffer.alloc(0)],
  ])('that ends %s is refused', async (_what, bytes) => {
    const { read } = receiver();
    expect((await refusal(() => read(request(bytes)))).code).toBe('INVALID_INPUT');
  });

  it('that breaks off before its receiver reads is refused too', async () => {
    const late = async (bytes: Readable) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return await text(bytes);
    };
    const broken = request(formOf([['a', '1'], file], '').subarray(0, -4));
    expect((await refusal(() => readForm(broken, late, async () => {}))).code).toBe('INVALID_INPUT');
  });

  it('whose client leaves in the middle of the file is refused, and nobody waits for the rest', async () => {
    const incoming = Object.assign(new PassThrough(), {
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
    });
    const { discard, received, read } = receiver();
    const reading = refusal(() => read(incoming as unknown as IncomingMessage));
    incoming.write(formOf([['a', '1'], file], '').subarray(0, -4));
    setImmediate(() => incoming.emit('aborted'));
    expect((await reading).code).toBe('INVALID_INPUT');
    expect([received.length, discard.mock.calls.length]).toEqual([0, 0]);
  });

  it('passes on why its file was refused', async () => {
    const refuse = async (bytes: Readable) => {
      bytes.resume();
      throw new AppError('MODEL_TOO_LARGE', 'no');
    };
    const breakOff = async (bytes: Readable) => {
      // As a pipeline does whose file cannot be written.
      bytes.destroy(new Error('ENOSPC'));
      await new Promise((resolve) => setTimeout(resolve, 20));
      throw new AppError('STORAGE_FULL', 'no');
    };
    for (const [receive, code] of [
      [refuse, 'MODEL_TOO_LARGE'],
      [breakOff, 'STORAGE_FULL'],
    ] as const) {
      const discard = vi.fn(async () => {});
      const error = await refusal(() => readForm(request(formOf([file, ['a', '1']])), receive, discard));
      expect(error.code).toBe(code);
      expect(discard).not.toHaveBeenCalled();
    }
  });

  it.each(['application/json', 'multipart/form-data', 'multipart/mixed; boundary=b', ''])(
    'is no form as %j',
    async (type) => {
      expect((await refusal(() => receiver().read(request(formOf([file]), type)))).code).toBe('UNSUPPORTED_MEDIA_TYPE');
    },
  );

  it('without a boundary is refused', async () => {
    expect(
      (await refusal(() => receiver().read(request(formOf([file]), 'multipart/form-data; charset=utf-8')))).code,
    ).toMatch(/INVALID_INPUT|UNSUPPORTED_MEDIA_TYPE/);
  });
});
