import { z } from 'zod';
import type { App } from '../../app/create-app.ts';
import { AppError } from '../../errors.ts';
import {
  type EventRow,
  eventAttributes,
  indexedEventAttributes,
  indexedJobAttributes,
  indexedModelAttributes,
  type JobRow,
  jobAttributes,
  type ModelRow,
  modelAttributes,
} from '../../store/rows.ts';
import type { Table } from '../../store/store.ts';
import { type ApiRequest, type Route, route } from '../edge/route.ts';
import { type Action, type Caller, ownEventsOf } from '../policy.ts';
import { parseTableQuery } from '../table-query.ts';

type Row = ModelRow | EventRow | JobRow;

interface ServedTable {
  readonly name: 'Model' | 'InferenceEvent' | 'Job';
  readonly action: Action;
  readonly attributes: readonly string[];
  readonly indexed: readonly string[];
  readonly table: (app: App) => Table<Row>;
  readonly visible: (row: Row, caller: Caller) => boolean;
  readonly missing: (id: string) => AppError;
  /** Verbs that have routes of their own. */
  readonly served: readonly string[];
}

const tables: readonly ServedTable[] = [
  {
    name: 'Model',
    action: 'model.table',
    attributes: modelAttributes,
    indexed: indexedModelAttributes,
    table: ({ store }) => store.models as unknown as Table<Row>,
    visible: () => true,
    missing: (id) => new AppError('MODEL_NOT_FOUND', `Table Model has no record "${id.slice(0, 256)}".`),
    served: ['GET', 'POST /'],
  },
  {
    name: 'InferenceEvent',
    action: 'event.list',
    attributes: eventAttributes,
    indexed: indexedEventAttributes,
    table: ({ store }) => store.events as unknown as Table<Row>,
    visible(row, caller) {
      const own = ownEventsOf(caller);
      return own === undefined || (row as EventRow).caller === own;
    },
    missing: (id) => new AppError('EVENT_NOT_FOUND', `Table InferenceEvent has no record "${id.slice(0, 256)}".`),
    served: ['GET', 'PUT', 'PATCH'],
  },
  {
    name: 'Job',
    action: 'job.read',
    attributes: jobAttributes,
    indexed: indexedJobAttributes,
    table: ({ store }) => store.jobs as unknown as Table<Row>,
    visible: () => true,
    missing: (id) => new AppError('JOB_NOT_FOUND', `Table Job has no record "${id.slice(0, 256)}".`),
    served: ['GET'],
  },
];

/** The tables under their type names, as Harper's own REST would show them, behind our roles. */
export const tableRoutes: Route[] = tables.flatMap((served) => [...readRoutes(served), ...refusals(served)]);

function readRoutes(served: ServedTable): Route[] {
  const { name, action } = served;
  const shared = { method: 'GET', action, tag: 'Tables' } as const;
  return [
    route({
      ...shared,
      path: `/${name}/`,
      summary: `Records of table ${name}; attribute=value, limit(n), sort(-attribute), select(a,b)`,
      replies: {
        200: {
          description: 'Records; fields that hold JSON are strings',
          schema: z.array(z.looseObject({ id: z.string() })),
        },
      },
      handle: async (app, request) => ({ body: await list(served, app, request) }),
    }),
    route({
      ...shared,
      path: `/${name}/{id}`,
      summary: `A record of table ${name}`,
      replies: { 200: { description: 'The record', schema: z.looseObject({ id: z.string() }) } },
      handle: async (app, request) => ({ body: await read(served, app, request) }),
    }),
  ];
}

async function list(served: ServedTable, app: App, { incoming, caller }: ApiRequest): Promise<unknown[]> {
  const { limit, offset, select, ...query } = parseTableQuery(incoming.url ?? '', served.attributes, served.indexed);
  const rows: unknown[] = [];
  let skip = offset;
  for await (const row of served.table(app).query(query as object)) {
    if (!served.visible(row, caller) || skip-- > 0) continue;
    rows.push(
      select ? Object.fromEntries(select.map((attribute) => [attribute, row[attribute as keyof Row] ?? null])) : row,
    );
    if (rows.length >= limit) break;
  }
  return rows;
}

async function read(served: ServedTable, app: App, { params, caller }: ApiRequest): Promise<unknown> {
  const id = params.id ?? '';
  if (/\.modelBlob$/.test(id)) {
    throw new AppError(
      'FORBIDDEN',
      'Bytes are not read through the table: GET /model/{name}/{version}/blob needs the role trainer.',
    );
  }
  const row = await served.table(app).get(id);
  if (!row || !served.visible(row, caller)) throw served.missing(id);
  return row;
}

/** Tables are read-only from outside, but for the routes that own a verb. */
function refusals({ name, served }: ServedTable): Route[] {
  const places = [`/${name}/`, `/${name}/{id}`];
  return places.flatMap((path, index) =>
    (['POST', 'PUT', 'PATCH', 'DELETE'] as const)
      .filter((method) => !served.includes(index === 0 ? `${method} /` : method))
      .map((method) =>
        route({
          method,
          path,
          action: 'table.write',
          tag: 'Tables',
          summary: `Refused: table ${name} is read-only from outside`,
          replies: { 403: { description: 'Always' } },
          async handle() {
            throw new AppError(
              'FORBIDDEN',
              `Table ${name} is read-only from outside. Use the routes of GET /openapi.json to change what it holds.`,
            );
          },
        }),
      ),
  );
}
