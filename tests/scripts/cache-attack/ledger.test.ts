import { expect, it } from 'vitest';
import { VersionLedger } from '../../../scripts/cache-attack/ledger.ts';

const version = () => new VersionLedger('m', 'v1', 7);
const there = async () => ({ presence: 'there', isNew: true }) as const;
const gone = async () => ({ presence: 'gone' }) as const;

it('knows what a change said that had the version for itself', async () => {
  const one = version();
  await one.change(there);
  const seen = one.look();
  expect(seen.presence).toBe('there');
  expect(one.since(seen)).toBe('there');
  await one.change(gone);
  expect(one.look().presence).toBe('gone');
  expect(one.since(seen)).toBe('unknown');
});

it('knows nothing while a change is under way, and nothing after two that overlapped', async () => {
  const one = version();
  await one.change(there);
  let finish = () => {};
  const slow = one.change(async () => {
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
    return { presence: 'gone' };
  });
  expect(one.look().presence).toBe('unknown');
  await one.change(there);
  finish();
  await slow;
  expect(one.look().presence).toBe('unknown');
  await one.change(gone);
  expect(one.look().presence).toBe('gone');
});

it('knows nothing after a change that broke', async () => {
  const one = version();
  await one.change(there);
  await expect(one.change(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  expect(one.look().presence).toBe('unknown');
});

it('gives every version weights of its own', () => {
  const rows = [7, 8].map((seed) => new VersionLedger('m', 'v1', seed).row(1));
  expect(rows[0]).not.toEqual(rows[1]);
  expect(version().bytes().equals(version().otherBytes())).toBe(false);
});
