// The first thing every npm script runs. It is plain JavaScript because it stands before the compiler:
// it installs what is missing, builds what is stale, and then hands over.
//   node scripts/prepare.mjs build
//   node scripts/prepare.mjs run <script> [arguments]
//   node scripts/prepare.mjs tool <folder/script> [arguments]   the same for scripts that need the test tools
//   node scripts/prepare.mjs test <project...> [options of vitest]
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const [task, ...rest] = process.argv.slice(2);

if (task === 'build') {
  await install({ tests: false });
  await build('tsconfig.json', { always: true });
} else if (task === 'run') {
  await install({ tests: false });
  await build('tsconfig.json');
  await handOver(join('scripts', rest[0] ?? ''), rest.slice(1));
} else if (task === 'tool') {
  await install({ tests: true });
  await build('tsconfig.tools.json');
  await handOver(rest[0] ?? '', rest.slice(1));
} else if (task === 'test') {
  await install({ tests: true });
  await build('tsconfig.tools.json');
  process.exitCode = await test(rest);
} else {
  console.error(
    'usage: prepare.mjs build | run <script> [arguments] | tool <folder/script> [arguments] | test <project...>',
  );
  process.exitCode = 2;
}

async function install({ tests }) {
  const wanted = { ...manifest.dependencies, ...(tests && manifest.devDependencies) };
  const missing = Object.entries(wanted).filter(([name, version]) => installedVersion(name) !== version);
  if (missing.length === 0) return;
  const what = tests ? 'what running and testing need' : 'what running needs';
  console.log(
    `Installing ${what} (${missing.length} of ${Object.keys(wanted).length} packages are missing); this takes a minute or two ...`,
  );
  const args = [
    'install',
    '--no-save',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    ...(tests ? [] : ['--omit=dev']),
  ];
  // ONNX Runtime's install script would fetch a GPU provider that we do not use, from a host that may be out of reach.
  const code = await run(process.platform === 'win32' ? 'npm.cmd' : 'npm', args, {
    ONNXRUNTIME_NODE_INSTALL: 'skip',
    ONNXRUNTIME_NODE_INSTALL_CUDA: 'skip',
  });
  if (code !== 0) fail(`npm install ended with code ${code}. Is the npm registry in reach?`, code);
}

function installedVersion(name) {
  try {
    return JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')).version;
  } catch {
    return undefined;
  }
}

/** Goes on in this process, so that a signal meets as few parents as possible. */
async function handOver(script, args) {
  const file = join(root, 'dist', `${script}.js`);
  process.argv = [process.argv[0], file, ...args];
  await import(pathToFileURL(file).href);
}

async function build(project, { always = false } = {}) {
  const stamp = join(root, 'dist', project === 'tsconfig.json' ? '.tsbuildinfo' : '.tsbuildinfo-tools');
  const isFresh = existsSync(stamp) && newestSource() < statSync(stamp).mtimeMs;
  if (isFresh && !always) return;
  console.log('Building ...');
  const code = await run(process.execPath, [
    join(root, 'node_modules', 'typescript', 'bin', 'tsc'),
    '-p',
    join(root, project),
  ]);
  if (code !== 0) fail('The build failed.', code);
}

function newestSource() {
  const folders = ['src', 'scripts', 'benchmarks', 'training-scripts'].filter((name) => existsSync(join(root, name)));
  const files = folders.flatMap((name) =>
    readdirSync(join(root, name), { recursive: true }).map((path) => join(root, name, path.toString())),
  );
  return Math.max(
    ...[...files, join(root, 'tsconfig.json'), join(root, 'package.json')].map((path) => statSync(path).mtimeMs),
  );
}

/** Runs the named vitest projects and closes with one line that counts. */
async function test(args) {
  const projects = args.filter((name) => !name.startsWith('-'));
  const options = args.filter((name) => name.startsWith('-'));
  const report = join(root, 'dist', 'test-report.json');
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const chosen = projects.flatMap((name) => ['--project', name]);
  const environment = options.includes('--coverage') ? { COVERAGE: 'true' } : {};
  const code = await run(process.execPath, [vitest, 'run', ...reporters, ...chosen, ...options], environment);
  const { numPassedTests = 0, numFailedTests = 0, numFailedTestSuites = 0 } = readReport(report);
  const failed = numFailedTests === 0 && code !== 0 ? Math.max(1, numFailedTestSuites) : numFailedTests;
  console.log(`${numPassedTests} passed, ${failed} failed`);
  return code;
}

function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return {};
  }
}

function run(command, args, environment = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...environment } });
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(signal ? 1 : code));
  });
}

function fail(message, code) {
  console.error(message);
  process.exit(code || 1);
}
