// Runs `wardwatch demo` as a child process.
import { spawn } from 'node:child_process';
import { sleep } from './checks.mjs';

const ADDRESS_MS = 30_000;
// Of what the demo logs, the end is kept to explain a failure.
const LOG_CHARACTERS = 8_000;

/** A running demo: its page's `url`, when it was `started` (milliseconds since the epoch) and what it logged last. */
export class Demo {
  url;
  log = '';
  started = Date.now();
  #child;
  #ending;

  /** Starts `binary` and waits for the line `station: URL`. Throws if it does not come. */
  static async start(binary) {
    const demo = new Demo();
    demo.#child = spawn(binary, ['demo', '--port', '0'], { stdio: ['ignore', 'pipe', 'pipe'] });
    demo.#child.on('error', (error) => (demo.#ending = { code: null, signal: error.message }));
    demo.#child.on('exit', (code, signal) => (demo.#ending = { code, signal }));
    let output = '';
    demo.#child.stdout.on('data', (data) => (output += data));
    demo.#child.stderr.on('data', (data) => (demo.log = (demo.log + data).slice(-LOG_CHARACTERS)));
    while (!(demo.url = /^station: *(http\S+)$/m.exec(output)?.[1])) {
      const late = Date.now() > demo.started + ADDRESS_MS;
      if (late || demo.#ending) {
        demo.kill();
        const why = late ? 'in time' : `before it ended (${demo.#ending.signal ?? demo.#ending.code})`;
        throw new Error(`the demo did not print its address ${why}\n${demo.log}`);
      }
      await sleep(50);
    }
    return demo;
  }

  signal(name) {
    this.#child.kill(name);
  }

  /** How the demo ended (`code`, or the `signal` that ended it), or undefined if it still runs at `deadline`. */
  async ended(deadline) {
    while (!this.#ending && Date.now() < deadline) await sleep(50);
    return this.#ending;
  }

  /** Ends it whatever state it is in, frozen included. Does nothing to one that has ended. */
  kill() {
    if (!this.#ending) this.#child.kill('SIGKILL');
  }
}
