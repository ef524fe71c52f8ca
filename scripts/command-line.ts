import { type ParseArgsConfig, parseArgs } from 'node:util';

type Options = NonNullable<ParseArgsConfig['options']>;
type Values<O extends Options> = ReturnType<typeof parseArgs<{ options: O }>>['values'];

/** A script was called in a way it does not understand: what was expected, and what came. */
export class UsageError extends Error {}

/**
 * Runs a script: reads its options, prints `help` when asked to, and sets the exit code that `work` gives; 2 when the
 * call is wrong or `work` breaks.
 *
 * @example
 *   await runCommand(help, { rounds: { type: 'string', default: '20' } }, async ({ rounds }) => 0);
 */
export async function runCommand<O extends Options>(
  help: string,
  options: O,
  work: (values: Values<O>) => Promise<number>,
): Promise<void> {
  // An interrupted run must not leave its server behind; a server's start hangs its end on the end of this process.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));
  try {
    const { values } = parseArgs({ options: { ...options, help: { type: 'boolean', default: false } } });
    const { help: isAsked, ...own } = values as { readonly help?: boolean };
    if (isAsked) console.log(help);
    else process.exitCode = await work(own as Values<O>);
  } catch (error) {
    process.exitCode = 2;
    if (error instanceof UsageError || isParseError(error)) console.error(`${(error as Error).message}\n\n${help}`);
    else console.error(error);
  }
}

/**
 * Options that hold whole numbers.
 *
 * @param least  the smallest that makes sense.
 * @throws UsageError naming each that is none
 */
export function wholeNumbers<Name extends string>(
  texts: Readonly<Record<Name, string>>,
  least = 1,
): Record<Name, number> {
  const entries = Object.entries<string>(texts).map(([name, text]) => [name, text, Number(text)] as const);
  const wrong = entries.filter(([, text, number]) => text === '' || !Number.isSafeInteger(number) || number < least);
  if (wrong.length > 0) {
    const given = wrong.map(([name, text]) => `--${name} ${JSON.stringify(text)}`).join(', ');
    throw new UsageError(`Expected whole numbers from ${least}, got ${given}.`);
  }
  return Object.fromEntries(entries.map(([name, , number]) => [name, number])) as Record<Name, number>;
}

const isParseError = (error: unknown): boolean =>
  String((error as NodeJS.ErrnoException).code).startsWith('ERR_PARSE_ARGS');
