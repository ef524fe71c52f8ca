import { type Caller, type Role, roles } from '../policy.ts';

/** The part of a Harper user that we read. */
export interface HarperUser {
  readonly username?: string;
  readonly role?: { readonly role?: string; readonly permission?: { readonly super_user?: boolean } };
}

/** @returns undefined for nobody; a login without one of our roles has a name but may do nothing. */
export function callerOf(user: HarperUser | undefined | null): Caller | 'stranger' | undefined {
  if (!user) return undefined;
  const username = user.username ?? 'unknown';
  if (user.role?.permission?.super_user) return { username, role: 'admin' };
  const role = user.role?.role;
  return roles.includes(role as Role) ? { username, role: role as Role } : 'stranger';
}
