// The stream of server-sent events, and what to do when it breaks.
//
// The browser reconnects by itself after most failures and asks for what it missed; after an answer that is no stream it
// gives up, and a connection that hangs it does not notice. The watchdog does both.

/** Silence, in milliseconds, after which the connection is made anew. */
const HANGING = 9000;

/** Milliseconds between two looks at the connection. */
const LOOK = 2000;

/**
 * Opens the stream and keeps it open.
 * @param clocks is told of every sign of life
 * @param handlers functions by name of event: snapshot, delta, heartbeat
 */
export function openFeed(clocks, handlers) {
  let source = null;
  let opened = 0;

  const open = () => {
    source?.close();
    opened = performance.now();
    source = new EventSource("/events");
    for (const [name, handle] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => {
        const data = JSON.parse(event.data);
        clocks.hear();
        clocks.set(data.feeds);
        handle(data);
      });
    }
  };

  open();
  setInterval(() => {
    const hangs = clocks.silence() > HANGING && performance.now() - opened > HANGING;
    if (source.readyState === EventSource.CLOSED || hangs) open();
  }, LOOK);
}
