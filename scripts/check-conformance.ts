import { existsSync } from 'node:fs';
import { runCommand, wholeNumbers } from './command-line.ts';
import { type Case, defaultDataFolder, listCases } from './conformance/cases.ts';
import { runDirect } from './conformance/direct.ts';
import { runOverHttp } from './conformance/http.ts';
import { forEachConcurrently, type Outcome } from './conformance/outcome.ts';
import { describe, summarise } from './conformance/report.ts';

const help = `Runs ONNX's backend test set through ONNX Runtime itself and through a running server, and compares.

Usage: node dist/scripts/check-conformance.js [--url http://127.0.0.1:9926] [options]

  --url          server to ask; without it only ONNX Runtime itself is run
  --user         user name, default HDB_ADMIN_USERNAME or admin
  --password     password, default HDB_ADMIN_PASSWORD (a variable does not show in the process list)
  --data         folder of the node tests, default that of Debian's libonnx-testdata
  --filter       only cases whose name holds this text
  --concurrency  cases at once, default 4
  --if-present   leave with 0 and a reason when the test set is absent
  --json         the report as JSON
  --help         this text

Exit code: 0 when every tensor case that ONNX Runtime passes also passes over HTTP, 1 when one does not,
2 when the run could not start.`;

const options = {
  url: { type: 'string' },
  user: { type: 'string', default: process.env.HDB_ADMIN_USERNAME ?? 'admin' },
  password: { type: 'string', default: process.env.HDB_ADMIN_PASSWORD ?? '' },
  data: { type: 'string', default: defaultDataFolder },
  filter: { type: 'string', default: '' },
  concurrency: { type: 'string', default: '4' },
  'if-present': { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const;

await runCommand(help, options, async (values) => {
  if (!existsSync(values.data)) {
    console.error(`The ONNX test set was expected in ${values.data}: install libonnx-testdata or give --data.`);
    return values['if-present'] ? 0 : 2;
  }
  const { concurrency } = wholeNumbers({ concurrency: values.concurrency });
  const cases = listCases(values.data).filter(({ name }) => name.includes(values.filter));
  if (cases.length === 0) {
    console.error(`No case in ${values.data} matches "${values.filter}".`);
    return 2;
  }
  const direct = await runDirect(cases, concurrency);
  const http =
    values.url === undefined ? undefined : await askServer({ ...values, url: values.url }, cases, concurrency);
  const report = summarise(cases, direct, http);
  console.log(values.json ? JSON.stringify(report, null, 2) : describe(report));
  return report.regressions.length === 0 ? 0 : 1;
});

async function askServer(
  { url, user, password }: { url: string; user: string; password: string },
  cases: readonly Case[],
  concurrency: number,
): Promise<Map<string, Outcome>> {
  const server = { url, user, password, fetch };
  // A removed version's name stays taken, so each run has versions of its own.
  const version = `run-${Date.now().toString(36)}`;
  const outcomes = new Map<string, Outcome>();
  const tensorCases = cases.filter(({ skipReason }) => skipReason === undefined);
  await forEachConcurrently(tensorCases, concurrency, async (testCase) => {
    outcomes.set(testCase.name, await runOverHttp(server, testCase, version));
  });
  return outcomes;
}
