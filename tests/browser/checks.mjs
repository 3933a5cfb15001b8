// Runs named checks one after another, says how each went, and counts them.

/** A check that did not hold. Its message says what was seen. */
export class CheckFailed extends Error {}

/** Throws `CheckFailed` with `message` unless `holds`. */
export function ensure(holds, message) {
  if (!holds) throw new CheckFailed(message);
}

export const sleep = (millis) => new Promise((resolve) => setTimeout(resolve, millis));

/**
 * Reads until `accept` takes what was read or `deadline` (milliseconds since the epoch) has passed, and returns the
 * last reading either way: the caller judges it and can say what it saw.
 */
export async function readUntil(read, accept, deadline) {
  for (;;) {
    const begun = Date.now();
    const value = await read();
    if (accept(value) || begun >= deadline) return value;
    await sleep(50);
  }
}

/** The ledger of one run. */
export class Checks {
  passed = 0;
  failed = 0;

  /** Runs one check; `body` returns a remark for the log, or throws. */
  async run(name, body) {
    const begun = Date.now();
    try {
      const remark = await body();
      this.passed += 1;
      console.log(`ok      ${name}${remark ? `: ${remark}` : ''} (${Date.now() - begun} ms)`);
    } catch (error) {
      this.failed += 1;
      // A check that failed tells what it saw; anything else is a fault of the test and needs its trace.
      console.log(`FAILED  ${name}: ${error instanceof CheckFailed ? error.message : error.stack}`);
    }
  }

  /** The closing line, and the exit code that goes with it. */
  close() {
    console.log(`${this.passed} passed, ${this.failed} failed`);
    return this.failed === 0 ? 0 : 1;
  }
}
