/** The part of a JSON Schema that decides what values look like. */
export interface JsonSchema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly minimum?: number;
  readonly maximum?: number;
}

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly required: boolean;
  readonly schema: JsonSchema;
}

/** One route with one verb, as `GET /openapi.json` describes it. */
export interface Operation {
  readonly method: string;
  /** Path with `{name}` for a segment. */
  readonly path: string;
  readonly isPublic: boolean;
  readonly parameters: readonly Parameter[];
  /** Content types of the body; empty without one. */
  readonly contentTypes: readonly string[];
  readonly schema: JsonSchema | undefined;
  readonly example: unknown;
  /** Statuses that the description lists. */
  readonly statuses: ReadonlySet<number>;
}

interface Described {
  readonly security?: readonly unknown[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: {
    readonly content: Record<string, { readonly schema?: JsonSchema; readonly example?: unknown }>;
  };
  readonly responses: Readonly<Record<string, unknown>>;
}

/** The operations of an OpenAPI document. */
export function operationsOf(document: { readonly paths: Readonly<Record<string, Record<string, Described>>> }) {
  return Object.entries(document.paths).flatMap(([path, verbs]) =>
    Object.entries(verbs).map(([verb, described]): Operation => {
      const content = described.requestBody?.content ?? {};
      const json = content['application/json'];
      return {
        method: verb.toUpperCase(),
        path,
        isPublic: described.security?.length === 0,
        parameters: described.parameters ?? [],
        contentTypes: Object.keys(content),
        schema: json?.schema,
        example: json?.example,
        statuses: new Set(Object.keys(described.responses).map(Number)),
      };
    }),
  );
}
