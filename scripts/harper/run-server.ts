import { type Launched, type LaunchOptions, launch, waitUntilReady } from './launch.ts';

const startTimeoutMs = 120_000;

/**
 * Launches the server and waits until it is ready; from then on this process lives as long as the server,
 * and a signal to it stops both. When the start fails it ends with the reason.
 */
export async function runServer(options: LaunchOptions): Promise<Launched> {
  const launched = await launch(options).catch(giveUp);
  let stopping = false;
  const stop = async () => {
    stopping = true;
    await launched.stop();
  };
  const leave = () => {
    if (!stopping) void stop().then(() => process.exit(0));
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, leave);
  void launched.ended.then((code) => {
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
