import { z } from 'zod';
import { checkLevels } from '../../app/check-model.ts';
import { type Route, route } from '../edge/route.ts';
import { named } from './models.ts';

const Level = z.enum(checkLevels);

export const modelCheckRoutes: Route[] = [
  route({
    method: 'POST',
    path: '/model/{name}/{version}/check',
    action: 'model.check',
    tag: 'Model Management',
    summary: 'Check a version; repairs a damaged copy of its package on this node',
    body: {
      kind: 'json',
      schema: z.strictObject({ level: Level }),
      example: { level: 'functional' },
    },
    replies: {
      200: {
        description: 'What was found',
        schema: z.object({
          level: Level,
          passed: z.boolean(),
          problems: z.array(z.object({ path: z.string(), message: z.string() })),
        }),
      },
    },
    async handle(app, request) {
      const model = await app.registry.get(...named(request));
      return { body: await app.checkModel(model, request.body.level) };
    },
  }),
];
