import { isDeepStrictEqual } from 'node:util';

/**
 * Whether a prediction was right, by the rules of its task: classification compares labels or indexes,
 * regression compares within `tolerance`. Other tasks cannot be judged here.
 *
 * @param prediction  as recorded in the event.
 * @param outcome     as the caller sends it.
 * @returns           undefined when the task gives no rule, or the two do not compare.
 */
export function judge(
  prediction: unknown,
  outcome: unknown,
  task: {
    readonly taskType?: string | undefined;
    readonly labels?: readonly string[] | undefined;
    readonly tolerance?: number | undefined;
  },
): boolean | undefined {
  if (task.taskType === 'classification' && isClass(prediction)) return classMatches(prediction, outcome, task.labels);
  if (task.taskType === 'regression' && task.tolerance !== undefined) {
    const predicted = (prediction as { value?: unknown } | null)?.value;
    const actual = typeof outcome === 'number' ? outcome : (outcome as { value?: unknown } | null)?.value;
    if (typeof predicted === 'number' && typeof actual === 'number')
      return Math.abs(predicted - actual) <= task.tolerance;
  }
  return undefined;
}

/** Whether two outcomes say the same as JSON, which knows no -0, whatever the order of their fields. */
export const sameOutcome = (a: unknown, b: unknown): boolean => isDeepStrictEqual(asStored(a), asStored(b));

const asStored = (value: unknown): unknown => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)));

type Class = { readonly label: string; readonly index: number };

function isClass(value: unknown): value is Class {
  return typeof (value as Class | null)?.label === 'string' && typeof (value as Class).index === 'number';
}

function classMatches(prediction: Class, outcome: unknown, labels: readonly string[] | undefined): boolean | undefined {
  if (typeof outcome === 'string') return outcome === prediction.label;
  if (typeof outcome === 'number') return matchesClass(prediction, outcome, labels);
  const { label, class: named } = (outcome ?? {}) as { label?: unknown; class?: unknown };
  if (typeof label === 'string') return label === prediction.label;
  if (typeof named === 'string' || typeof named === 'number') return matchesClass(prediction, named, labels);
  return undefined;
}

/** A class is named by its label when there is such a label, else by its index. */
function matchesClass(prediction: Class, named: string | number, labels: readonly string[] | undefined): boolean {
  if (typeof named === 'number') return named === prediction.index;
  if (labels?.includes(named) || prediction.label === named) return named === prediction.label;
  return /^\d+$/.test(named) && Number(named) === prediction.index;
}
