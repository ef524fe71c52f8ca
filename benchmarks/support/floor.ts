import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { projectRoot } from '../../scripts/harper/project-root.ts';
import { commandOf, descendantsOf, environmentOf } from './process-tree.ts';
import { type Place, type Server, startServer } from './server.ts';

/**
 * Starts a plain Harper with the component of `benchmarks/floor/`, in the environment of the product's own Harper:
 * only folders and ports differ.
 *
 * @param event  a record that the product wrote; the floor writes the like.
 */
export function startFloor(product: Server, event: object): Promise<Server> {
  const harper = descendantsOf(product.pid).find((pid) => commandOf(pid).includes('harperdb.js run'));
  if (harper === undefined) throw new Error('Expected a Harper among the processes of the product, found none');
  const inherited = environmentOf(harper);
  return startServer({
    password: inherited.HDB_ADMIN_PASSWORD ?? '',
    args: (place) => [harperBinary(), 'run', writeComponent(place)],
    environment: (place) => ({ ...inherited, ...placed(inherited, place), FLOOR_EVENT: JSON.stringify(event) }),
    isReady: async ({ url, authorization }) => {
      const body = JSON.stringify({ modelName: 'm', features: {} });
      const headers = { authorization, 'content-type': 'application/json' };
      const reply = await fetch(`${url}/predict`, { method: 'POST', headers, body }).catch(() => undefined);
      return reply?.status === 200;
    },
  });
}

/** The component as Harper loads it, with the product's own table. @returns its folder */
function writeComponent({ root }: Place): string {
  const folder = join(root, 'component');
  mkdirSync(folder);
  mkdirSync(join(root, 'home'));
  copyFileSync(join(projectRoot, 'benchmarks', 'floor', 'config.yaml'), join(folder, 'config.yaml'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  // From where it was compiled, so that it finds the project's packages.
  const resource = new URL('../floor/resource.js', import.meta.url).href;
  writeFileSync(join(folder, 'resource.js'), `export { Predict as predict } from ${JSON.stringify(resource)};\n`);
  const schema = readFileSync(join(projectRoot, 'schema.graphql'), 'utf8');
  const [table] = /^type InferenceEvent @table[^}]*\}/m.exec(schema) ?? [];
  if (table === undefined) throw new Error('Expected the table InferenceEvent in schema.graphql, found none');
  writeFileSync(join(folder, 'schema.graphql'), table);
  return folder;
}

/** Harper's settings with folders and ports of its own. */
function placed({ HARPER_SET_CONFIG = '{}' }: Record<string, string>, { root, port, operationsPort }: Place) {
  const config = JSON.parse(HARPER_SET_CONFIG);
  config.http.port = port;
  config.operationsApi.network.port = `127.0.0.1:${operationsPort}`;
  return {
    HARPER_SET_CONFIG: JSON.stringify(config),
    ROOTPATH: join(root, 'harper'),
    HOME: join(root, 'home'),
    TMPDIR: root,
  };
}

const harperBinary = (): string =>
  join(dirname(createRequire(import.meta.url).resolve('harperdb')), 'bin', 'harperdb.js');
