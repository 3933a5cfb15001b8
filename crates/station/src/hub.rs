//! From one board to every page.
//!
//! A *message* is one server-sent event as bytes, made once and shared by all pages. Snapshots and deltas are numbered;
//! their ids start with a number drawn at the station's start, so that a page that outlived a restart is not mistaken
//! for one that only blinked. The newest deltas are kept in a ring: a page that comes back with the id of its last
//! message gets what it missed, and one that missed more gets a snapshot.
//!
//! HUB-1: a page that is given a snapshot or missed deltas, and then what is sent, misses nothing and repeats nothing.
//! HUB-2: memory does not depend on how slowly a page reads. One that is more than [`RING_MESSAGES`] behind is ended.

use std::collections::VecDeque;
use std::fmt::Write;
use std::hash::{BuildHasher, RandomState};

use axum::body::Bytes;
use serde::Serialize;
use tokio::sync::broadcast;

/// Messages that a page may be behind or may have missed: over ten seconds at the highest pace, a minute at the usual.
pub(crate) const RING_MESSAGES: usize = 512;

/// Bytes of missed messages kept.
const RING_BYTES: usize = 16 << 20;

/// How long a page waits before it reconnects by itself.
const RETRY_MILLIS: u32 = 1_000;

/// Numbers and distributes messages.
#[derive(Debug)]
pub(crate) struct Hub {
    run: u64,
    /// The number of the newest message.
    newest: u64,
    /// The newest deltas; the last one has the number `newest`.
    ring: VecDeque<Bytes>,
    ring_bytes: usize,
    /// `None` once the station has ended.
    sender: Option<broadcast::Sender<Bytes>>,
}

/// What one page is sent: first the backlog, then what comes.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub backlog: VecDeque<Bytes>,
    pub receiver: broadcast::Receiver<Bytes>,
}

// === impl Hub ===

impl Hub {
    pub fn new() -> Self {
        Self {
            // The standard library's only source of randomness; all that matters is that two runs differ.
            run: RandomState::new().hash_one("run"),
            newest: 0,
            ring: VecDeque::new(),
            ring_bytes: 0,
            sender: Some(broadcast::Sender::new(RING_MESSAGES)),
        }
    }

    /// Sends a delta to every page and keeps it for those that come back.
    pub fn delta(&mut self, delta: &impl Serialize) {
        self.newest += 1;
        let message = self.message("delta", Some(self.newest), delta);
        self.ring_bytes += message.len();
        self.ring.push_back(message.clone());
        while self.ring.len() > RING_MESSAGES || self.ring_bytes > RING_BYTES {
            self.ring_bytes -= self.ring.pop_front().map_or(0, |oldest| oldest.len());
        }
        self.send(message);
    }

    /// Sends a sign of life. It has no number: nobody misses an old one.
    pub fn heartbeat(&self, heartbeat: &impl Serialize) {
        self.send(self.message("heartbeat", None, heartbeat));
    }

    fn send(&self, message: Bytes) {
        if let Some(sender) = &self.sender {
            // An error means that nobody looks, which is fine.
            sender.send(message).ok();
        }
    }

    /// A page that begins, or resumes after the message `last_id`. `None` once the station has ended.
    pub fn subscribe<S: Serialize>(
        &self,
        last_id: Option<&str>,
        heartbeat: &impl Serialize,
        snapshot: impl FnOnce() -> S,
    ) -> Option<Subscription> {
        let receiver = self.sender.as_ref()?.subscribe();
        let mut backlog = match last_id.and_then(|id| self.missed_since(id)) {
            Some(missed) => missed,
            None => VecDeque::from([self.message("snapshot", Some(self.newest), &snapshot())]),
        };
        backlog.push_front(Bytes::from(format!("retry: {RETRY_MILLIS}\n\n")));
        backlog.push_back(self.message("heartbeat", None, heartbeat));
        Some(Subscription { backlog, receiver })
    }

    /// The deltas after `id`, if all of them are still here.
    fn missed_since(&self, id: &str) -> Option<VecDeque<Bytes>> {
        let (run, number) = id.split_once('-')?;
        if u64::from_str_radix(run, 16).ok()? != self.run {
            return None;
        }
        let missed = usize::try_from(self.newest.checked_sub(number.parse().ok()?)?).ok()?;
        let skip = self.ring.len().checked_sub(missed)?;
        Some(self.ring.iter().skip(skip).cloned().collect())
    }

    /// Pages that are connected now.
    pub fn pages(&self) -> usize {
        self.sender.as_ref().map_or(0, broadcast::Sender::receiver_count)
    }

    /// Ends every page's stream, once it has read what was sent.
    pub fn close(&mut self) {
        self.sender = None;
    }

    fn message(&self, event: &str, number: Option<u64>, data: &impl Serialize) -> Bytes {
        // JSON escapes line breaks, so the data is always one line.
        let data = serde_json::to_string(data).expect("views have string keys and no failing serializer");
        let mut text = String::with_capacity(data.len() + 64);
        if let Some(number) = number {
            writeln!(text, "id: {:016x}-{number}", self.run).expect("a string takes every write");
        }
        write!(text, "event: {event}\ndata: {data}\n\n").expect("a string takes every write");
        Bytes::from(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a page reads that comes with `last_id`, one line a message.
    fn backlog(hub: &Hub, last_id: Option<&str>) -> Vec<String> {
        let subscription = hub.subscribe(last_id, &"alive", || "everything").unwrap();
        let lines = subscription
            .backlog
            .iter()
            .map(|message| String::from_utf8(message.to_vec()).unwrap());
        lines
            .map(|message| message.lines().filter(|line| line.starts_with("data")).collect())
            .skip(1)
            .collect()
    }

    fn id(hub: &Hub, number: u64) -> String {
        format!("{:016x}-{number}", hub.run)
    }

    #[test]
    fn a_new_page_gets_a_snapshot() {
        let mut hub = Hub::new();
        hub.delta(&"one");
        assert_eq!(backlog(&hub, None), ["data: \"everything\"", "data: \"alive\""]);
    }

    #[test]
    fn a_page_that_blinked_gets_what_it_missed() {
        let mut hub = Hub::new();
        ["one", "two", "three"].iter().for_each(|delta| hub.delta(delta));
        assert_eq!(
            backlog(&hub, Some(&id(&hub, 1))),
            ["data: \"two\"", "data: \"three\"", "data: \"alive\""]
        );
        assert_eq!(backlog(&hub, Some(&id(&hub, 3))), ["data: \"alive\""]);
    }

    #[test]
    fn a_page_that_missed_too_much_or_comes_from_elsewhere_gets_a_snapshot() {
        let mut hub = Hub::new();
        (0..=RING_MESSAGES).for_each(|delta| hub.delta(&delta));
        let snapshot = "data: \"everything\"";
        assert_ne!(backlog(&hub, Some(&id(&hub, 1)))[0], snapshot);
        for stranger in [
            id(&hub, 0),
            id(&hub, 9_999),
            id(&Hub::new(), 5),
            "nonsense".to_owned(),
            String::new(),
        ] {
            assert_eq!(backlog(&hub, Some(&stranger))[0], snapshot, "{stranger}");
        }
    }

    #[test]
    fn what_is_kept_is_bounded_in_bytes_too() {
        let mut hub = Hub::new();
        let large = "x".repeat(RING_BYTES / 4);
        (0..10).for_each(|_| hub.delta(&large));
        assert!(hub.ring_bytes <= RING_BYTES && hub.ring.len() < 4);
        assert_eq!(hub.ring_bytes, hub.ring.iter().map(Bytes::len).sum::<usize>());
    }

    #[tokio::test]
    async fn a_page_that_falls_behind_is_told_so_and_then_gets_a_snapshot() {
        use tokio::sync::broadcast::error::RecvError;
        let mut hub = Hub::new();
        let mut slow = hub.subscribe(None, &"alive", || "everything").unwrap();
        (0..=RING_MESSAGES).for_each(|delta| hub.delta(&delta));
        assert!(matches!(slow.receiver.recv().await, Err(RecvError::Lagged(1))));
        assert_eq!(backlog(&hub, Some(&id(&hub, 0)))[0], "data: \"everything\"");
    }

    #[tokio::test]
    async fn the_end_comes_after_the_last_message() {
        let mut hub = Hub::new();
        let mut page = hub.subscribe(None, &"alive", || "everything").unwrap();
        hub.delta(&"last");
        hub.close();
        assert!(page.receiver.recv().await.is_ok());
        assert!(page.receiver.recv().await.is_err());
        assert!(hub.subscribe(None, &"alive", || "everything").is_none());
    }
}
