import { describe, expect, it } from 'vitest';
import { writing } from '../../src/store/storage-full.ts';
import { refusal } from '../support/codes.ts';

const failing = (parts: object, message = 'failed') => Object.assign(new Error(message), parts);
const rejected = (error: unknown) => {
  const promise = Promise.reject(error);
  promise.catch(() => undefined);
  return promise;
};

describe('work that writes', () => {
  it('passes on what it gives', async () => {
    expect(await writing(async () => 7)).toBe(7);
  });

  it.each([
    ['a file that finds no room', failing({ code: 'ENOSPC' })],
    ['a user whose share is used up', failing({ code: 'EDQUOT' })],
    ['a map of LMDB that is full', failing({}, 'MDB_MAP_FULL: Environment mapsize limit reached')],
    ['a commit that was cut short', failing({ commitError: rejected(failing({ code: 5 })) })],
    ['a commit that found no room', failing({ commitError: rejected(failing({ code: 28 })) })],
  ])('says STORAGE_FULL of %s', async (_what, error) => {
    const refused = await refusal(() => writing(() => Promise.reject(error)));
    expect(refused).toMatchObject({ code: 'STORAGE_FULL', cause: error, retryAfterSeconds: 5 });
  });

  it.each([
    ['another error', failing({ code: 'ENOENT' })],
    ['a commit that failed otherwise', failing({ commitError: rejected(failing({ code: 22 })) })],
    ['a commit that did not fail', failing({ commitError: Promise.resolve() })],
    ['nothing', undefined],
  ])('passes on %s', async (_what, error) => {
    await expect(writing(() => Promise.reject(error))).rejects.toBe(error);
  });
});
