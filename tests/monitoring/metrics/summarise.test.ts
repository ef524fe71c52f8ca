import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EventFilter } from '../../../src/monitoring/events/event-query.ts';
import { summarise } from '../../../src/monitoring/metrics/summarise.ts';
import { memoryStore } from '../../../src/store/memory.ts';
import type { EventRow } from '../../../src/store/rows.ts';
import { event } from '../../support/events.ts';

async function summaryOf(rows: readonly EventRow[], filter: EventFilter = {}) {
  const { events } = memoryStore();
  for (const row of rows) await events.put(row);
  return summarise(events, filter);
}

const nothing = {
  count: 0,
  errorCount: 0,
  errorRate: null,
  errors: {},
  avgLatency: null,
  p50Latency: null,
  p95Latency: null,
  p99Latency: null,
  maxLatency: null,
  throughputPerSecond: null,
  avgConfidence: null,
  labelled: 0,
  correct: 0,
  accuracy: null,
  promptTokens: 0,
  completionTokens: 0,
  computeSeconds: 0,
};

describe('the figures of a range', () => {
  it('are null where nothing was seen', async () => {
    expect(await summaryOf([])).toEqual(nothing);
    expect(await summaryOf([event({ timestamp: 5, latencyMs: 1 })], { from: 6 })).toEqual(nothing);
  });

  it('count successes, errors, labels and tokens', async () => {
    const rows = [
      event({ timestamp: 1000, latencyMs: 10, confidence: 0.5, correct: true, promptTokens: 7, computeMs: 9 }),
      event({
        timestamp: 2000,
        latencyMs: 20,
        confidence: 0.9,
        correct: false,
        promptTokens: 5,
        completionTokens: 3,
        computeMs: 11,
      }),
      event({ timestamp: 3000, latencyMs: 60, correct: true }),
      event({ timestamp: 4000, latencyMs: 500, errorCode: 'INFERENCE_TIMEOUT' }),
      event({ timestamp: 5000, latencyMs: 1, errorCode: 'INPUT_SHAPE' }),
      event({ timestamp: 6000, latencyMs: 1, errorCode: 'INPUT_SHAPE' }),
    ];
    const summary = await summaryOf(rows);
    expect(summary).toMatchObject({
      count: 6,
      errorCount: 3,
      errorRate: 0.5,
      errors: { INFERENCE_TIMEOUT: 1, INPUT_SHAPE: 2 },
      avgLatency: 30,
      maxLatency: 60,
      throughputPerSecond: 6 / 5,
      avgConfidence: 0.7,
      labelled: 3,
      correct: 2,
      accuracy: 2 / 3,
      promptTokens: 12,
      completionTokens: 3,
      computeSeconds: 0.02,
    });
    expect((await summaryOf(rows, { from: 0, to: 12_000 })).throughputPerSecond).toBe(0.5);
    expect((await summaryOf(rows, { from: 2000, to: 4000 })).count).toBe(2);
  });

  it('of errors alone have no latency', async () => {
    const summary = await summaryOf([event({ latencyMs: 9, errorCode: 'INTERNAL' })]);
    expect(summary).toMatchObject({
      count: 1,
      errorRate: 1,
      avgLatency: null,
      p50Latency: null,
      p99Latency: null,
      maxLatency: null,
    });
  });

  it('leave events without a latency, as imported ones may be, out of the latencies', async () => {
    const untimed = event({ latencyMs: null });
    expect(await summaryOf([untimed])).toMatchObject({
      count: 1,
      avgLatency: null,
      p50Latency: null,
      maxLatency: null,
    });
    expect(await summaryOf([untimed, event({ latencyMs: 8 })])).toMatchObject({
      count: 2,
      avgLatency: 8,
      maxLatency: 8,
    });
  });

  it('of one time have no throughput', async () => {
    expect((await summaryOf([event({ timestamp: 5 }), event({ timestamp: 5 })])).throughputPerSecond).toBeNull();
  });

  it('have percentiles within 1 % of the sorted latencies', async () => {
    const latency = fc.oneof(
      fc.double({ min: 0.01, max: 100, noNaN: true }),
      fc.double({ min: 100, max: 60_000, noNaN: true }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(latency, { minLength: 1, maxLength: 200 }), async (latencies) => {
        const summary = await summaryOf(latencies.map((latencyMs) => event({ latencyMs })));
        const sorted = latencies.toSorted((a, b) => a - b);
        for (const [name, q] of [
          ['p50Latency', 0.5],
          ['p95Latency', 0.95],
          ['p99Latency', 0.99],
        ] as const) {
          const rank = q * (sorted.length - 1);
          const [lower = 0, upper = 0] = [sorted[Math.floor(rank)], sorted[Math.ceil(rank)]];
          expect(summary[name]).toBeGreaterThanOrEqual(lower * 0.99);
          expect(summary[name]).toBeLessThanOrEqual(upper * 1.01);
        }
        expect(summary.maxLatency).toBe(sorted.at(-1));
      }),
      { numRuns: 100 },
    );
  });

  it('have the percentiles of 1 to 1000 ms', async () => {
    const summary = await summaryOf(Array.from({ length: 1000 }, (_, index) => event({ latencyMs: index + 1 })));
    expect(summary.avgLatency).toBe(500.5);
    expect(Math.abs((summary.p50Latency ?? 0) / 500 - 1)).toBeLessThan(0.011);
    expect(Math.abs((summary.p95Latency ?? 0) / 950 - 1)).toBeLessThan(0.011);
    expect(Math.abs((summary.p99Latency ?? 0) / 990 - 1)).toBeLessThan(0.011);
  });

  it('can be 0 ms', async () => {
    expect(await summaryOf([event({ latencyMs: 0 })])).toMatchObject({
      avgLatency: 0,
      p50Latency: 0,
      p99Latency: 0,
      maxLatency: 0,
    });
  });
});
