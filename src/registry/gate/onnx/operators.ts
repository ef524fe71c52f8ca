import { quote, refusal } from '../refusal.ts';
import type { GateLimits } from '../report.ts';

/**
 * Newest operator set of each domain, and newest file format, that onnxruntime-node 1.30.0 loads (tried one by
 * one). A domain that is absent here is a custom one: it may be imported, its operators cannot run.
 */
const newestOpsets: Readonly<Record<string, number>> = {
  '': 26,
  'ai.onnx.ml': 5,
  'ai.onnx.training': 1,
  'ai.onnx.preview': 1,
  'ai.onnx.preview.training': 1,
  'com.microsoft': 1,
  'com.microsoft.nchwc': 1,
};
export const newestIrVersion = 13;

/** `ai.onnx` is another name for the default domain. */
export const plainDomain = (domain: string): string => (domain === 'ai.onnx' ? '' : domain);

/** How functions and the nodes that call them find each other. */
export const operatorKey = (domain: string, name: string, overload: string): string =>
  JSON.stringify([plainDomain(domain), name, overload]);

/** The nodes of the main graph or of one function, by operator. */
export interface OperatorUse {
  nodes: number;
  /** Deepest subgraph in it. */
  depth: number;
  readonly calls: Map<string, Call>;
  /** Domains of its nodes, with the first place each was seen. */
  readonly domains: Map<string, string>;
}
interface Call {
  count: number;
  /** Deepest subgraph it is called from. */
  depth: number;
}

export const noUse = (): OperatorUse => ({ nodes: 0, depth: 0, calls: new Map(), domains: new Map() });

/** @throws AppError MODEL_OP_UNSUPPORTED when ONNX Runtime knows the domain but not this version of it. */
export function checkOpset(domain: string, version: number, path: string): void {
  const plain = plainDomain(domain);
  const newest = Object.hasOwn(newestOpsets, plain) ? newestOpsets[plain] : undefined;
  if (newest === undefined || version <= newest) return;
  const label = plain || 'ai.onnx';
  throw refusal(
    'MODEL_OP_UNSUPPORTED',
    path,
    `operator set ${version} of ${quote(label)} is newer than this runtime knows; expected at most ${newest}. Export with an older operator set.`,
  );
}

/** @throws AppError MODEL_OP_UNSUPPORTED for nodes of a domain that neither the runtime nor the model defines. */
export function checkDomains(uses: Iterable<OperatorUse>, functionDomains: ReadonlySet<string>): void {
  for (const use of uses) {
    for (const [domain, path] of use.domains) {
      if (Object.hasOwn(newestOpsets, domain) || functionDomains.has(domain)) continue;
      throw refusal(
        'MODEL_OP_UNSUPPORTED',
        path,
        `is an operator of the custom domain ${quote(domain)}, which this runtime has not. Export with standard operators or as local functions.`,
      );
    }
  }
}

/**
 * ONNX Runtime replaces calls to local functions by their nodes when it loads a model, so a few functions that
 * call each other twice grow without bound. Counts what that would make.
 *
 * @throws AppError MODEL_TOO_COMPLEX, also for functions that call themselves
 */
export function checkExpansion(
  main: OperatorUse,
  functions: ReadonlyMap<string, OperatorUse>,
  limits: GateLimits,
): void {
  const done = new Map<OperatorUse, { nodes: number; depth: number }>();
  const open = new Set<OperatorUse>();
  const tooDeep = () =>
    refusal(
      'MODEL_TOO_COMPLEX',
      'functions',
      `subgraphs and function calls are nested deeper than ${limits.maxDepth}. Simplify the model.`,
    );

  const expand = (use: OperatorUse): { nodes: number; depth: number } => {
    const known = done.get(use);
    if (known) return known;
    if (open.has(use))
      throw refusal(
        'MODEL_TOO_COMPLEX',
        'functions',
        'a local function calls itself. Expected functions without recursion.',
      );
    if (open.size > limits.maxDepth) throw tooDeep();
    open.add(use);
    let { nodes, depth } = use;
    for (const [key, call] of use.calls) {
      const callee = functions.get(key);
      if (!callee) continue;
      const inner = expand(callee);
      nodes += call.count * inner.nodes;
      depth = Math.max(depth, call.depth + 1 + inner.depth);
    }
    open.delete(use);
    const result = { nodes, depth };
    done.set(use, result);
    if (depth > limits.maxDepth) throw tooDeep();
    if (nodes > limits.maxNodes) {
      throw refusal(
        'MODEL_TOO_COMPLEX',
        'functions',
        `local functions expand to ${nodes} nodes; expected at most ${limits.maxNodes}. Simplify the model.`,
      );
    }
    return result;
  };
  expand(main);
  for (const use of functions.values()) expand(use);
}
