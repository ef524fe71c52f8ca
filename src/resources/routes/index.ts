import type { Route } from '../edge/route.ts';
import { eventRoutes } from './events.ts';
import { feedbackRoutes } from './feedback.ts';
import { healthRoutes } from './health.ts';
import { jobRoutes } from './jobs.ts';
import { modelBytesRoutes } from './model-bytes.ts';
import { modelCheckRoutes } from './model-check.ts';
import { modelFetchRoutes } from './model-fetch.ts';
import { modelUploadRoutes } from './model-upload.ts';
import { modelRoutes } from './models.ts';
import { openApiRoute } from './openapi.ts';
import { personalizeRoutes, predictRoutes } from './predict.ts';
import { predictBatchRoutes } from './predict-batch.ts';
import { statusRoutes } from './status.ts';
import { tableRoutes } from './tables.ts';

const described: readonly Route[] = [
  ...modelUploadRoutes,
  ...modelFetchRoutes,
  ...modelRoutes,
  ...modelBytesRoutes,
  ...modelCheckRoutes,
  ...predictRoutes,
  ...predictBatchRoutes,
  ...personalizeRoutes,
  ...feedbackRoutes,
  ...eventRoutes,
  ...jobRoutes,
  ...healthRoutes,
  ...statusRoutes,
  ...tableRoutes,
];

/** Every route of the product. */
export const routes: readonly Route[] = [...described, openApiRoute(described)];
