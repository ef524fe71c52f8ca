import { DDSketch } from '@datadog/sketches-js';
import { breathing } from '../../lib/breathing.ts';
import type { EventRow } from '../../store/rows.ts';
import type { Table } from '../../store/store.ts';
import { conditionsOf, type EventFilter } from '../events/event-query.ts';

/** Figures over the events of a range; null where nothing was seen. Latencies in milliseconds, of successes only. */
export interface MetricSummary {
  readonly count: number;
  readonly errorCount: number;
  readonly errorRate: number | null;
  readonly errors: Readonly<Record<string, number>>;
  readonly avgLatency: number | null;
  readonly p50Latency: number | null;
  readonly p95Latency: number | null;
  readonly p99Latency: number | null;
  readonly maxLatency: number | null;
  readonly throughputPerSecond: number | null;
  readonly avgConfidence: number | null;
  readonly labelled: number;
  readonly correct: number;
  readonly accuracy: number | null;
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly computeSeconds: number;
}

const fields = [
  'timestamp',
  'errorCode',
  'latencyMs',
  'confidence',
  'correct',
  'promptTokens',
  'completionTokens',
  'computeMs',
] as const;

/** Reads the events of a filter once and sums them up; percentiles are within 1 % of the true value. */
export async function summarise(events: Table<EventRow>, filter: EventFilter): Promise<MetricSummary> {
  const sketch = new DDSketch({ relativeAccuracy: 0.01 });
  const errors: Record<string, number> = Object.create(null);
  const sum = {
    count: 0,
    errors: 0,
    timed: 0,
    latency: 0,
    largest: 0,
    confidence: 0,
    confident: 0,
    labelled: 0,
    correct: 0,
  };
  const used = { promptTokens: 0, completionTokens: 0, computeMs: 0 };
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  for await (const event of breathing(events.query({ conditions: conditionsOf(filter), select: [...fields] }))) {
    sum.count++;
    first = Math.min(first, event.timestamp);
    last = Math.max(last, event.timestamp);
    used.promptTokens += event.promptTokens ?? 0;
    used.completionTokens += event.completionTokens ?? 0;
    used.computeMs += event.computeMs ?? 0;
    if (event.errorCode != null) {
      sum.errors++;
      errors[event.errorCode] = (errors[event.errorCode] ?? 0) + 1;
    } else if (event.latencyMs != null) {
      sketch.accept(event.latencyMs);
      sum.timed++;
      sum.latency += event.latencyMs;
      sum.largest = Math.max(sum.largest, event.latencyMs);
    }
    if (event.confidence != null) {
      sum.confident++;
      sum.confidence += event.confidence;
    }
    if (event.correct != null) {
      sum.labelled++;
      sum.correct += event.correct ? 1 : 0;
    }
  }
  const share = (part: number, whole: number) => (whole > 0 ? part / whole : null);
  const quantile = (q: number) => (sum.timed > 0 ? Math.min(sketch.getValueAtQuantile(q), sum.largest) : null);
  const seconds = ((filter.to ?? last) - (filter.from ?? first)) / 1000;
  return {
    count: sum.count,
    errorCount: sum.errors,
    errorRate: share(sum.errors, sum.count),
    errors: { ...errors },
    avgLatency: share(sum.latency, sum.timed),
    p50Latency: quantile(0.5),
    p95Latency: quantile(0.95),
    p99Latency: quantile(0.99),
    maxLatency: sum.timed > 0 ? sum.largest : null,
    throughputPerSecond: sum.count > 0 && seconds > 0 ? sum.count / seconds : null,
    avgConfidence: share(sum.confidence, sum.confident),
    labelled: sum.labelled,
    correct: sum.correct,
    accuracy: share(sum.correct, sum.labelled),
    promptTokens: used.promptTokens,
    completionTokens: used.completionTokens,
    computeSeconds: used.computeMs / 1000,
  };
}
