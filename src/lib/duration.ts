const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/**
 * Milliseconds of a duration such as `250ms`, `30s`, `5m`, `1h` or `7d`.
 *
 * @returns undefined when the text is no duration.
 * @example parseDurationMs('5m') // 300000
 */
export function parseDurationMs(text: string): number | undefined {
  const match = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text);
  return match ? Number(match[1]) * unitMs[match[2] as keyof typeof unitMs] : undefined;
}

/**
 * Epoch milliseconds of a time given as epoch milliseconds or as ISO 8601.
 *
 * @returns undefined when the text is neither.
 * @example parseTimeMs('1970-01-01T00:00:01Z') // 1000
 */
export function parseTimeMs(text: string): number | undefined {
  if (/^\d{1,16}$/.test(text)) return Number(text);
  const match = /^(\d{4})-(\d{2})-(\d{2})(T[\d:.]+(Z|[+-]\d{2}:?\d{2})?)?$/.exec(text);
  if (!match) return undefined;
  const [year, month, day] = match.slice(1, 4).map(Number) as [number, number, number];
  // Date.parse takes 30 February for 1 March.
  if (new Date(Date.UTC(year, month - 1, day)).getUTCDate() !== day) return undefined;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}
