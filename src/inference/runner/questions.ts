import type { RunnerLink } from './fleet.ts';
import type { RunnerReply } from './messages.ts';

interface Question {
  readonly link: RunnerLink;
  readonly answer: (reply: RunnerReply | undefined) => void;
}

/** Questions about a runner itself, which may stay without an answer. */
export class Questions {
  readonly #open = new Map<number, Question>();

  /** @returns the reply; undefined when none came in time or the runner is gone. */
  ask(id: number, link: RunnerLink, patienceMs: number): Promise<RunnerReply | undefined> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#settle(id, undefined), patienceMs).unref();
      this.#open.set(id, {
        link,
        answer: (reply) => {
          clearTimeout(timer);
          resolve(reply);
        },
      });
    });
  }

  answer(reply: RunnerReply): void {
    this.#settle(reply.id, reply);
  }

  lose(link: RunnerLink): void {
    for (const [id, question] of this.#open) if (question.link === link) this.#settle(id, undefined);
  }

  close(): void {
    for (const id of this.#open.keys()) this.#settle(id, undefined);
  }

  #settle(id: number, reply: RunnerReply | undefined): void {
    const question = this.#open.get(id);
    this.#open.delete(id);
    question?.answer(reply);
  }
}
