import type { GateLimits } from '../report.ts';
import type { ByteWindow } from './byte-window.ts';
import { Trail } from './trail.ts';
import { WireReader } from './wire-reader.ts';

/** The state that one walk over one file shares. */
export interface Walk {
  readonly reader: WireReader;
  readonly trail: Trail;
  readonly limits: GateLimits;
  nodes: number;
  /** Bytes that the sparse tensors seen so far take once dense. */
  denseBytes: number;
}

export function startWalk(bytes: ByteWindow, limits: GateLimits): Walk {
  const trail = new Trail();
  return { reader: new WireReader(bytes, trail, limits), trail, limits, nodes: 0, denseBytes: 0 };
}

/** Runs a part of the walk under a step of the trail; on an error the trail stays where it happened. */
export function under<T>(walk: Walk, name: string, index: number, part: () => T): T {
  walk.trail.enter(name, index);
  const result = part();
  walk.trail.leave();
  return result;
}
