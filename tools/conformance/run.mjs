// Starts the simulators and our own server (built beforehand), runs every suite against them, and ends with node's own
// summary. KRALIKI_SIMULATORS and KRALIKI_SERVER name executables to use instead of `dotnet run --no-build`.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const simulators = fileURLToPath(new URL('../../sim/Kraliki.Simulators', import.meta.url));
const server = fileURLToPath(new URL('../../src/Kraliki.Server', import.meta.url));
const startLimitMs = 60_000;
const running = [];

/** Runs a program until it has said all that is needed. */
function start(what, executable, project, options, heard) {
  const [command, prefix] = executable ? [executable, []] : ['dotnet', ['run', '--no-build', '--project', project, '--']];
  // A group of its own: `dotnet run` has the program as its child, and both must end.
  const child = spawn(command, [...prefix, ...options], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  running.push(child);
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => reject(new Error(`${what} did not start within ${startLimitMs} ms.`)), startLimitMs);
    child.on('error', reject);
    child.on('exit', code => reject(new Error(`${what} ended with code ${code}; build the solution first.`)));
    createInterface({ input: child.stdout }).on('line', line => {
      const result = heard(line);
      if (!result) return;
      clearTimeout(limit);
      resolve(result);
    });
  });
}

function startSimulators(names, ...options) {
  const found = {};
  return start('The simulators', process.env.KRALIKI_SIMULATORS, simulators, [...names, ...options], line => {
    if (!line.startsWith('{')) return null;
    const description = JSON.parse(line);
    found[description.simulator] = description;
    return names.every(name => found[name]) && found;
  });
}

/** Our server with a fresh database; its credentials are in a file that is written before it says that it is ready. */
function startServer(directory) {
  const options = ['--urls', 'http://127.0.0.1:0', `--Kraliki:DataDirectory=${directory}`, '--Kraliki:Demo=true', '--Logging:LogLevel:Default=Warning'];
  return start('The server', process.env.KRALIKI_SERVER, server, options, line =>
    line.includes('Kraliki is ready') && JSON.parse(readFileSync(path.join(directory, 'demo-credentials.json'), 'utf8')));
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
const directory = mkdtempSync(path.join(tmpdir(), 'kraliki-conformance-'));
try {
  const [plain, tls, kraliki] = await Promise.all([
    startSimulators(['openai', 'twilio', 'gemini', 'deepgram', 'chat'], '--gemini-key', 'g-test'),
    startSimulators(['openai'], '--tls'),
    startServer(directory),
  ]);
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
      DEEPGRAM_URL: plain.deepgram.base_url,
      CHAT_URL: plain.chat.base_url,
      GEMINI_URL: plain.gemini.base_url,
      TWILIO_URL: plain.twilio.base_url,
      TWILIO_SID: plain.twilio.account_sid,
      TWILIO_TOKEN: plain.twilio.auth_token,
      KRALIKI_URL: kraliki.url,
      KRALIKI_USER: kraliki.users[0],
      KRALIKI_PASSWORD: kraliki.password,
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
  await Promise.all(running.map(child => child.exitCode === null && child.signalCode === null && new Promise(resolve => child.on('exit', resolve))));
  rmSync(directory, { recursive: true, force: true });
}
process.exit(code ?? 1);
