import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Case } from './cases.ts';
import type { CaseFiles } from './direct-child.ts';
import { forEachConcurrently, type Outcome } from './outcome.ts';

const caseTimeoutMs = 60_000;
const ownChild = new URL(import.meta.url.endsWith('.ts') ? './direct-child.ts' : './direct-child.js', import.meta.url);

/**
 * Runs cases through ONNX Runtime alone, in child processes; an abort is a failed case and nothing more.
 *
 * @param childUrl  script of a child; `direct-child.ts`, compiled, unless a test brings its own.
 */
export async function runDirect(
  cases: readonly Case[],
  concurrency: number,
  childUrl: URL = ownChild,
): Promise<Map<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  const idle: Child[] = [];
  await forEachConcurrently(cases, concurrency, async (testCase) => {
    const child = idle.pop() ?? new Child(childUrl);
    outcomes.set(testCase.name, await child.run(testCase));
    if (child.alive) idle.push(child);
  });
  for (const child of idle) child.stop();
  return outcomes;
}

class Child {
  readonly #process: ChildProcess;

  constructor(script: URL) {
    this.#process = fork(script, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  }

  get alive(): boolean {
    return this.#process.connected && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** One case at a time. */
  async run({ folder, inputs, outputs }: Case): Promise<Outcome> {
    const finished = new AbortController();
    const deadline = setTimeout(() => this.#process.kill('SIGKILL'), caseTimeoutMs);
    const answer = once(this.#process, 'message', finished).then(
      ([message]) => (message as { problem: string | null }).problem,
    );
    const death = once(this.#process, 'exit', finished).then(
      ([code, signal]) => `the process ended (${signal ?? code})`,
    );
    this.#process.send({ folder, inputs, outputs } satisfies CaseFiles);
    try {
      const problem = await Promise.race([answer, death]);
      return problem === null ? { passed: true } : { passed: false, problem };
    } finally {
      clearTimeout(deadline);
      finished.abort();
      // The loser of the race is cancelled on purpose.
      await Promise.allSettled([answer, death]);
    }
  }

  stop(): void {
    this.#process.disconnect();
  }
}
