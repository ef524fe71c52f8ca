import { describe, expect, it, vi } from 'vitest';
import { SingleFlight } from '../../src/lib/single-flight.ts';

describe('single flight', () => {
  it('runs once for all who ask while it runs, and anew afterwards', async () => {
    const flights = new SingleFlight<number>();
    let land = (_value: number) => {};
    const work = vi.fn(() => new Promise<number>((resolve) => (land = resolve)));
    const asked = [flights.run('a', work), flights.run('a', work), flights.run('a', work)];
    land(7);
    expect(await Promise.all(asked)).toEqual([7, 7, 7]);
    expect(work).toHaveBeenCalledTimes(1);
    const again = flights.run('a', work);
    land(8);
    expect(await again).toBe(8);
    expect(work).toHaveBeenCalledTimes(2);
  });

  it('keeps keys apart', async () => {
    const flights = new SingleFlight<string>();
    expect(await Promise.all([flights.run('a', async () => 'a'), flights.run('b', async () => 'b')])).toEqual([
      'a',
      'b',
    ]);
  });

  it('a failure reaches all who waited and is not remembered', async () => {
    const flights = new SingleFlight<string>();
    const failing = async () => {
      throw new Error('no');
    };
    const outcomes = await Promise.allSettled([flights.run('a', failing), flights.run('a', async () => 'never asked')]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await flights.run('a', async () => 'yes')).toBe('yes');
  });
});
