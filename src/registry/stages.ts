import { AppError } from '../errors.ts';
import type { Stage } from '../store/rows.ts';

const stageOf: Readonly<Record<string, Stage>> = {
  development: 'candidate',
  candidate: 'candidate',
  staging: 'staging',
  production: 'production',
  archived: 'archived',
};

/** The stored stage of a stage or its synonym; `development` means `candidate`. @throws AppError INVALID_INPUT */
export function canonicalStage(text: string): Stage {
  const stage = Object.hasOwn(stageOf, text) ? stageOf[text] : undefined;
  if (stage) return stage;
  const message = `expected one of ${Object.keys(stageOf).join(', ')}, got "${text.slice(0, 64)}"`;
  throw new AppError('INVALID_INPUT', `stage: ${message}.`, { violations: [{ path: 'stage', message }] });
}
