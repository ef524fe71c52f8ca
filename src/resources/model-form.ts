import { z } from 'zod';
import { AppError } from '../errors.ts';
import { parseMetadata } from '../registry/metadata.ts';
import { parseDeclared } from '../registry/model-schema.ts';
import type { Registration } from '../registry/new-model-row.ts';
import { canonicalStage } from '../registry/stages.ts';
import { resolveAliases } from './edge/aliases.ts';
import { validate } from './edge/validate.ts';
import { type Caller, mayRegister } from './policy.ts';
import { ModelName, ModelVersion } from './schemas.ts';

/** What a registration says beside the bytes, however it came in; unknown fields are ignored. */
export const ModelForm = z.object({
  modelName: ModelName,
  modelVersion: ModelVersion,
  framework: z.string().min(1).max(64).describe('onnx, tensorflow or ollama'),
  stage: z.string().max(32).optional().describe('candidate (also development) unless given'),
  inputSchema: z.unknown().optional().describe('May be left out: the file says what it takes'),
  outputSchema: z.unknown().optional(),
  metadata: z.unknown().optional(),
});

export type ModelForm = z.infer<typeof ModelForm>;

/**
 * Reads a form and checks that the caller may register into its stage.
 *
 * @throws AppError INVALID_INPUT, ID_INVALID, FORBIDDEN
 */
export function registrationOf(fields: Readonly<Record<string, unknown>>, caller: Caller, expectedSha256?: string) {
  const { value, used } = resolveAliases(fields, new Set(Object.keys(ModelForm.shape)));
  const form = validate(ModelForm, value, 'body');
  const stage = canonicalStage(form.stage ?? 'candidate');
  if (!mayRegister(stage, caller))
    throw new AppError(
      'FORBIDDEN',
      `Registering straight into ${stage} needs the role admin; register it as a candidate instead.`,
    );
  const registration: Registration = {
    modelName: form.modelName,
    modelVersion: form.modelVersion,
    framework: form.framework,
    stage,
    metadata: isGiven(form.metadata) ? parseMetadata(jsonOf(form.metadata, 'metadata')) : {},
    ...(isGiven(form.inputSchema) && { inputs: parseDeclared(form.inputSchema, 'inputs', 'inputSchema') }),
    ...(isGiven(form.outputSchema) && { outputs: parseDeclared(form.outputSchema, 'outputs', 'outputSchema') }),
    ...(expectedSha256 !== undefined && { expectedSha256 }),
  };
  return { registration, aliases: used };
}

const isGiven = (value: unknown): boolean => value !== undefined && value !== null && value !== '';

function jsonOf(value: unknown, path: string): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch (cause) {
    const message = 'expected a JSON object, got text that does not parse';
    throw new AppError('INVALID_INPUT', `${path}: ${message}.`, { cause, violations: [{ path, message }] });
  }
}
