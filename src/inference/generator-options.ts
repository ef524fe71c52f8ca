import { AppError } from '../errors.ts';
import type { GenerationOptions } from './backend.ts';

/**
 * Refuses what only text generators understand, by name.
 *
 * @param streams  whether the answer is wanted in pieces.
 * @param can      what the model can do.
 * @throws AppError INVALID_INPUT
 */
export function refuseUnfitOptions(
  generation: GenerationOptions | undefined,
  streams: boolean,
  can: { readonly generate: boolean; readonly stream: boolean },
): void {
  const given = Object.entries(generation ?? {}).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  const names = [...(can.generate ? [] : given), ...(streams && !can.stream ? ['stream'] : [])];
  if (names.length === 0) return;
  const message = 'is for models that write text, which this one does not, or not in pieces; leave it out';
  const violations = names.map((name) => ({ path: `options.${name}`, message }));
  throw new AppError('INVALID_INPUT', `${violations[0]?.path} ${message}.`, { violations });
}
