import { join } from 'node:path';
import SwaggerParser from '@apidevtools/swagger-parser';
import newman from 'newman';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectRoot } from '../docs/support/markdown.ts';
import { preloadDefaultModels } from '../docs/support/preload.ts';
import { adminPassword, bootServer, type TestServer } from '../support/boot-server.ts';

const collection = join(projectRoot, 'postman', 'Harper-Edge-AI-MLOps.postman_collection.json');

interface RunSummary {
  readonly failures: readonly string[];
  readonly requests: number;
  readonly assertions: number;
}

/** Runs the collection with its own values, but for the address and the login. */
function runCollection(url: string, password: string): Promise<RunSummary> {
  const envVar = [
    { key: 'baseUrl', value: url },
    { key: 'username', value: 'admin' },
    { key: 'password', value: password },
  ];
  return new Promise((resolve, reject) => {
    newman.run({ collection, envVar, reporters: [] }, (error, summary) => {
      if (error) return reject(error);
      const { failures, stats } = summary.run;
      resolve({
        failures: failures.map(({ source, error: cause }) => `${source?.name}: ${cause.test ?? ''} ${cause.message}`),
        requests: stats.requests.total ?? 0,
        assertions: stats.assertions.total ?? 0,
      });
    });
  });
}

describe('the Postman collection', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await bootServer();
    await preloadDefaultModels(server);
  });
  afterAll(() => server?.stop());

  it('is green twice against one server', async () => {
    for (let run = 0; run < 2; run++) {
      const { failures, requests, assertions } = await runCollection(server.url, adminPassword);
      expect(failures).toEqual([]);
      expect(requests).toBeGreaterThan(30);
      expect(assertions).toBeGreaterThan(requests);
    }
  });

  it('is red with a wrong password', async () => {
    const { failures } = await runCollection(server.url, 'not the password');
    expect(failures.join('\n')).toContain('expected response to have status code 201 but got 401');
  });

  it('leaves nothing behind but its events', async () => {
    const { body } = await server.as('admin').get('/model');
    const names = body.models.map(({ modelName }: { modelName: string }) => modelName);
    expect(names).not.toContain('postman-add-one');
    expect(names).toContain('digits-onnx');
  });

  it('meets an API whose own description is valid', async () => {
    const { status, body } = await server.as(undefined).get('/openapi.json');
    expect(status).toBe(200);
    const api = await SwaggerParser.validate(structuredClone(body));
    expect(Object.keys(api.paths ?? {})).toContain('/predict');
  });
});
