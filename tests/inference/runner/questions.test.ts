import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { monotonicMs } from '../../../src/inference/batching/monotonic.ts';
import type { RunnerLink } from '../../../src/inference/runner/fleet.ts';
import type { RunnerReply } from '../../../src/inference/runner/messages.ts';
import type { Verdict } from '../../../src/inference/runner/notices.ts';
import { Questions } from '../../../src/inference/runner/questions.ts';
import { Verdicts } from '../../../src/inference/runner/verdicts.ts';

const link = () => ({}) as RunnerLink;
const done = (id: number): RunnerReply => ({ id, type: 'done' });

describe('a question about a runner', () => {
  it('is answered by its own number, in any order', async () => {
    const questions = new Questions();
    const [first, second] = [questions.ask(1, link(), 1000), questions.ask(2, link(), 1000)];
    questions.answer(done(3));
    questions.answer(done(2));
    questions.answer(done(1));
    expect(await Promise.all([first, second])).toEqual([done(1), done(2)]);
  });

  it('is given up after its time, and leaves no timer when it was answered', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const questions = new Questions();
    const late = questions.ask(1, link(), 50);
    const answered = questions.ask(2, link(), 5000);
    questions.answer(done(2));
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(50);
    expect(await late).toBeUndefined();
    questions.answer(done(1));
    expect(await answered).toEqual(done(2));
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is given up when its runner is gone, and all are in the end', async () => {
    const questions = new Questions();
    const [gone, other] = [link(), link()];
    const asked = [questions.ask(1, gone, 1000), questions.ask(2, other, 1000), questions.ask(3, other, 1000)];
    questions.lose(gone);
    questions.answer(done(1));
    questions.answer(done(2));
    questions.close();
    expect(await Promise.all(asked)).toEqual([undefined, done(2), undefined]);
  });
});

describe('calls that lost their runner', () => {
  const verdict = (generation: string): Verdict => ({ generation, culprit: 'a', reason: 'crash' });

  function deciding() {
    const decided: [string, Verdict][] = [];
    const verdicts = new Verdicts<string>((call, told) => void decided.push([call, told]));
    return { verdicts, decided };
  }

  it('meet the verdict on it, whichever comes first', () => {
    const { verdicts, decided } = deciding();
    verdicts.await('g', ['one', 'two']);
    verdicts.await('idle', []);
    expect(decided).toEqual([]);
    verdicts.record(verdict('h'));
    verdicts.record(verdict('g'));
    expect(decided).toEqual([
      ['one', verdict('g')],
      ['two', verdict('g')],
    ]);
    verdicts.await('h', ['three']);
    verdicts.await('g', ['four']);
    expect(decided.slice(2)).toEqual([
      ['three', verdict('h')],
      ['four', verdict('g')],
    ]);
  });

  it('are told once', () => {
    const { verdicts, decided } = deciding();
    verdicts.await('g', ['one']);
    verdicts.record(verdict('g'));
    verdicts.record(verdict('g'));
    expect(decided).toHaveLength(1);
  });

  it('blame nobody when no verdict comes within two seconds', () => {
    const { verdicts, decided } = deciding();
    verdicts.await('g', ['one']);
    const now = monotonicMs();
    verdicts.sweep(now + 1_900);
    expect(decided).toEqual([]);
    verdicts.sweep(now + 2_100);
    expect(decided).toEqual([['one', { generation: 'g' }]]);
  });

  it('find the last 64 verdicts', () => {
    const { verdicts, decided } = deciding();
    for (let id = 0; id < 65; id++) verdicts.record(verdict(`${id}`));
    verdicts.await('0', ['oldest']);
    verdicts.await('1', ['next']);
    expect(decided.map(([call]) => call)).toEqual(['next']);
  });
});
