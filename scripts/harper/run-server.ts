import { type Launched, type LaunchOptions, launch, waitUntilReady } from './launch.ts';

const startTimeoutMs = 120_000;
const sameSignalMs = 300;

/**
 * Launches the server and waits until it is ready; from then on this process lives as long as the server,
 * and a signal to it stops both: the first one when all is answered, the second one at once. When the start fails it ends with the reason.
 */
export async function runServer(options: LaunchOptions): Promise<Launched> {
  const launched = await launch(options).catch(giveUp);
  let stopping = false;
  let leavingSince: number | undefined;
  const stop = async () => {
    stopping = true;
    await launched.stop();
  };
  const leave = () => {
    const now = performance.now();
    leavingSince ??= now;
    // npm and a terminal may both pass on one signal.
    if (now - leavingSince > sameSignalMs) launched.child.kill('SIGKILL');
    else if (!stopping) void stop().then(() => process.exit(0));
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, leave);
  void launched.ended.then((code) => {
    if (!stopping && code === 0) process.exit(0);
    if (!stopping) giveUp(`Harper ended with code ${code}; its output is in ${launched.logFile}`);
  });
  await waitUntilReady(launched, startTimeoutMs).catch(async (error) => {
    await stop();
    giveUp(error);
  });
  return { ...launched, stop };
}

/** Ends this process with what is wrong. */
export function giveUp(error: unknown): never {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
