/** Roles from least to most; each may do what the ones before may. Harper's super user stands above. */
export const roles = ['viewer', 'predictor', 'trainer', 'admin'] as const;
export type Role = (typeof roles)[number];

/**
 * Who may do what: the lowest role allowed, or `public`. Every route names its action here, so a route
 * without a policy does not compile. `own` actions have a narrower reach for lower roles, stated beside.
 */
export const policy = {
  'health.read': 'public',
  'openapi.read': 'public',
  'status.read': 'viewer',
  'model.list': 'viewer',
  'model.read': 'viewer',
  'model.download': 'trainer',
  /** Straight into staging a trainer may register, into production only an admin: see `mayRegister`. */
  'model.register': 'trainer',
  'model.fetch': 'trainer',
  'model.amend': 'trainer',
  'model.reload': 'trainer',
  'model.check': 'trainer',
  /** A trainer deletes own uploads only. */
  'model.delete': 'trainer',
  'model.table': 'viewer',
  predict: 'predictor',
  personalize: 'predictor',
  /** A predictor labels only events it asked for. */
  'feedback.give': 'predictor',
  /** A predictor sees only events it asked for. */
  'event.list': 'predictor',
  'event.import': 'trainer',
  'metric.read': 'viewer',
  'job.read': 'trainer',
  'job.control': 'trainer',
  'table.write': 'viewer',
} as const satisfies Record<string, Role | 'public'>;

export type Action = keyof typeof policy;

/** Who asks: a Harper login and the role it has here. */
export interface Caller {
  readonly username: string;
  readonly role: Role;
}

/** Whether a role is at least another. */
export const isAtLeast = (role: Role, least: Role): boolean => roles.indexOf(role) >= roles.indexOf(least);

export const allows = (action: Action, caller: Caller | undefined): boolean => {
  const least = policy[action];
  return least === 'public' || (caller !== undefined && isAtLeast(caller.role, least));
};

/** The lowest role that may register a version straight into a stage. */
export const mayRegister = (stage: string, { role }: Caller): boolean =>
  isAtLeast(role, stage === 'production' ? 'admin' : 'trainer');

/** Below trainer, events of others do not exist: the login to filter by, or undefined for all. */
export const ownEventsOf = ({ role, username }: Caller): string | undefined =>
  isAtLeast(role, 'trainer') ? undefined : username;
