// Starts the simulators (built beforehand), runs every suite against them, and ends with node's own summary.
// KRALIKI_SIMULATORS names an executable to use instead of `dotnet run --no-build`.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const project = fileURLToPath(new URL('../../sim/Kraliki.Simulators', import.meta.url));
const startLimitMs = 60_000;
const running = [];

function start(names, ...options) {
  const executable = process.env.KRALIKI_SIMULATORS;
  const [command, prefix] = executable
    ? [executable, []]
    : ['dotnet', ['run', '--no-build', '--project', project, '--']];
  // A group of its own: `dotnet run` has the simulators as its child, and both must end.
  const child = spawn(command, [...prefix, ...names, ...options], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  running.push(child);
  return new Promise((resolve, reject) => {
    const found = {};
    const limit = setTimeout(() => reject(new Error(`The simulators did not start within ${startLimitMs} ms.`)), startLimitMs);
    child.on('error', reject);
    child.on('exit', code => reject(new Error(`The simulators ended with code ${code}; build the solution first.`)));
    createInterface({ input: child.stdout }).on('line', line => {
      if (!line.startsWith('{')) return;
      const description = JSON.parse(line);
      found[description.simulator] = description;
      if (names.every(name => found[name])) {
        clearTimeout(limit);
        resolve(found);
      }
    });
  });
}

function stop() {
  for (const child of running) {
    child.removeAllListeners('exit');
    if (child.exitCode === null && child.pid) {
      try {
        process.kill(-child.pid, 'SIGTERM');
      } catch (gone) {
        if (gone.code !== 'ESRCH') throw gone;
      }
    }
  }
}

let code = 1;
try {
  const [plain, tls] = await Promise.all([start(['openai', 'twilio']), start(['openai'], '--tls')]);
  // The suites mostly wait for speech to be spoken, so they run side by side.
  const suites = readdirSync(`${here}suites`).filter(name => name.endsWith('.test.mjs')).map(name => `suites/${name}`);
  const tests = spawn(process.execPath, ['--test', '--test-reporter=tap', '--test-concurrency=4', ...suites], {
    cwd: here,
    stdio: 'inherit',
    env: {
      ...process.env,
      OPENAI_URL: plain.openai.base_url,
      OPENAI_TLS_URL: tls.openai.base_url,
      OPENAI_CA: tls.openai.certificate,
      TWILIO_URL: plain.twilio.base_url,
      TWILIO_SID: plain.twilio.account_sid,
      TWILIO_TOKEN: plain.twilio.auth_token,
      // The SDKs would otherwise look for real keys and report traces to the real service.
      OPENAI_API_KEY: 'sk-test',
      OPENAI_AGENTS_DISABLE_TRACING: '1',
    },
  });
  code = await new Promise(resolve => tests.on('exit', resolve));
} catch (problem) {
  console.error(problem.message);
} finally {
  stop();
}
process.exit(code ?? 1);
