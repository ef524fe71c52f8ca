import { randomUUID } from 'node:crypto';

const roles = ['viewer', 'predictor', 'trainer'] as const;

/** Adds a user of every role below admin and returns their logins. A second call changes their passwords. */
export async function addUsers(operationsUrl: string, admin: string): Promise<Record<(typeof roles)[number], string>> {
  const entries = await Promise.all(
    roles.map(async (role) => {
      const [username, password] = [`fuzz-${role}`, randomUUID()];
      const ask = (operation: string) =>
        fetch(operationsUrl, {
          method: 'POST',
          headers: { 'content-type': 'application/json', authorization: admin },
          body: JSON.stringify({ operation, role, username, password, active: true }),
        });
      const added = await ask('add_user');
      const reply = added.status === 409 ? await ask('alter_user') : added;
      if (!reply.ok) throw new Error(`User ${username} could not be added: ${reply.status} ${await reply.text()}`);
      return [role, `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`] as const;
    }),
  );
  return Object.fromEntries(entries) as Record<(typeof roles)[number], string>;
}
