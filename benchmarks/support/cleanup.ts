/** What must be undone before the script ends, however it ends. */
const undoings: (() => Promise<void>)[] = [];
let isCleaning: Promise<void> | undefined;

/** Registers a partner that stops or removes something; the last one registered runs first. */
export function onCleanup(undo: () => Promise<void>): void {
  undoings.push(undo);
}

async function undoAll(): Promise<void> {
  for (let undo = undoings.pop(); undo; undo = undoings.pop()) {
    await undo().catch((error) => console.error(`could not clean up: ${error}`));
  }
}

/**
 * Runs a script and cleans up behind it, after Ctrl-C too. An error is printed as one line; the script says by
 * `process.exitCode` whether a target was missed.
 */
export async function runScript(script: () => Promise<void>): Promise<void> {
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.once(signal, () => {
      isCleaning ??= undoAll();
      void isCleaning.finally(() => process.exit(code));
    });
  }
  try {
    await script();
  } catch (error) {
    if (!isCleaning) console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
  isCleaning ??= undoAll();
  await isCleaning;
}
