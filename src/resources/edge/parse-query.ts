import type { z } from 'zod';
import { AppError } from '../../errors.ts';
import { resolveAliases } from './aliases.ts';
import { validate } from './validate.ts';

/**
 * The checked query of a URL; every parameter at most once. @throws AppError INVALID_INPUT */
export function parseQuery<T>(schema: z.ZodType<T>, url: string): T {
  const start = url.indexOf('?');
  // Without a prototype, so that a parameter named __proto__ is an unknown one like any other.
  const given: Record<string, string> = Object.create(null);
  if (start !== -1) {
    const text = url.slice(start + 1);
    checkEncoding(text);
    for (const [name, value] of new URLSearchParams(text)) {
      if (Object.hasOwn(given, name)) throw invalid(name, 'expected once, got several times');
      given[name] = value;
    }
  }
  const { shape } = schema as { shape?: object };
  const { value } = resolveAliases(given, new Set(Object.keys(shape ?? {})));
  return validate(schema, value, 'query');
}

function checkEncoding(text: string): void {
  try {
    decodeURIComponent(text);
  } catch {
    throw invalid('query', 'expected percent-encoded UTF-8');
  }
}

function invalid(path: string, message: string) {
  return new AppError('INVALID_INPUT', `${path.slice(0, 128)}: ${message}.`, {
    violations: [{ path: path.slice(0, 128), message }],
  });
}
