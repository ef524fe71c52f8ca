import type { Readable } from 'node:stream';
import type { EventRow, JobRow, ModelRow, RetiredVersionRow } from './rows.ts';

type Scalar = string | number | boolean | null;

/** One condition on an attribute; all conditions of a query must hold. */
export interface Condition<Row> {
  readonly attribute: keyof Row & string;
  readonly comparator: 'equals' | 'not_equal' | 'less_than' | 'less_than_equal' | 'greater_than' | 'greater_than_equal';
  readonly value: Scalar;
}

export interface Query<Row> {
  readonly conditions?: readonly Condition<Row>[];
  readonly sort?: { readonly attribute: keyof Row & string; readonly descending?: boolean };
  readonly limit?: number;
  readonly offset?: number;
  /** Only these attributes are read; the others are undefined. */
  readonly select?: readonly (keyof Row & string)[];
}

/** A table of records with a string id. Every write has been committed when its promise resolves. */
export interface Table<Row extends { readonly id: string }> {
  get(id: string): Promise<Row | undefined>;
  put(row: Row): Promise<void>;
  /** Changes only the named attributes of a record that exists. */
  patch(id: string, part: Partial<Omit<Row, 'id'>>): Promise<void>;
  delete(id: string): Promise<void>;
  query(query: Query<Row>): AsyncIterable<Row>;
  count(): Promise<number>;
}

export interface StoredBytes {
  readonly size: number;
  /** Bytes `start` up to but not including `end`. */
  stream(start?: number, end?: number): Readable;
}

export interface ModelTable extends Table<ModelRow> {
  /** Stores record and bytes together; resolves once both are safe on disk. */
  putWithBytes(row: ModelRow, file: { readonly path: string; readonly size: number }): Promise<void>;
  bytes(id: string): Promise<StoredBytes | undefined>;
}

/**
 * What persistence must do. Harper's transactions do not detect conflicts, so whoever reads, decides and
 * then writes does it under `withLock`.
 */
export interface Store {
  readonly models: ModelTable;
  readonly events: Table<EventRow>;
  readonly retired: Table<RetiredVersionRow>;
  readonly jobs: Table<JobRow>;
  /** One holder of a key at a time on this node, over all threads. */
  withLock<T>(key: string, work: () => Promise<T>): Promise<T>;
}
