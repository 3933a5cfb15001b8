//! A TCP proxy between engines and a broker: it lets everything through, nothing, or loses what the broker says to the end
//! of a transaction.
//!
//! Kafka frames are a length of four bytes, then in a request the API's number (16 bits), its version (16) and the
//! correlation id (32), in a response the correlation id.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// The number of EndTxn.
const END_TXN: i16 = 26;

/// What a proxy does to what passes.
#[derive(Debug, Default)]
pub struct Rules {
    /// Nothing passes from the engine to the broker.
    pub hold_requests: AtomicBool,
    /// Nothing passes from the broker to the engine.
    pub hold_responses: AtomicBool,
    /// Of so many ends of transactions the broker's answer is lost, and the connection with it.
    pub lose_answers: AtomicU32,
    /// So many ends of transactions never reach the broker; the connection is lost.
    pub lose_requests: AtomicU32,
    /// The answer to every end of a transaction comes so many milliseconds late.
    pub late_answers: AtomicU32,
    /// How many were lost.
    pub lost: AtomicU32,
}

/// Listens at a port of loopback for clients of another.
pub struct Proxy {
    pub rules: Arc<Rules>,
}

// === impl Proxy ===

impl Proxy {
    pub fn start(port: u16, broker: u16) -> Self {
        let rules = Arc::new(Rules::default());
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let ours = Arc::clone(&rules);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", broker)) else {
                    continue;
                };
                let endings = Arc::new(Mutex::new(HashSet::new()));
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let (rules, noted) = (Arc::clone(&ours), Arc::clone(&endings));
                thread::spawn(move || requests(from, to, &rules, &noted));
                let rules = Arc::clone(&ours);
                thread::spawn(move || responses(server, client, &rules, &endings));
            }
        });
        Self { rules }
    }
}

fn requests(mut from: TcpStream, mut to: TcpStream, rules: &Rules, endings: &Mutex<HashSet<i32>>) {
    while let Some(frame) = frame(&mut from) {
        wait_while(&rules.hold_requests);
        if i16::from_be_bytes([frame[4], frame[5]]) == END_TXN {
            if one_of(&rules.lose_requests) {
                rules.lost.fetch_add(1, Ordering::Relaxed);
                break;
            }
            let correlation = i32::from_be_bytes(frame[8..12].try_into().unwrap());
            endings.lock().unwrap().insert(correlation);
        }
        if to.write_all(&frame).is_err() {
            break;
        }
    }
    close(&from, &to);
}

fn responses(mut from: TcpStream, mut to: TcpStream, rules: &Rules, endings: &Mutex<HashSet<i32>>) {
    while let Some(frame) = frame(&mut from) {
        wait_while(&rules.hold_responses);
        let correlation = i32::from_be_bytes(frame[4..8].try_into().unwrap());
        if endings.lock().unwrap().remove(&correlation) {
            if one_of(&rules.lose_answers) {
                rules.lost.fetch_add(1, Ordering::Relaxed);
                break;
            }
            thread::sleep(Duration::from_millis(u64::from(
                rules.late_answers.load(Ordering::Relaxed),
            )));
        }
        if to.write_all(&frame).is_err() {
            break;
        }
    }
    close(&from, &to);
}

fn close(one: &TcpStream, other: &TcpStream) {
    one.shutdown(Shutdown::Both).ok();
    other.shutdown(Shutdown::Both).ok();
}

fn frame(from: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length).ok()?;
    let mut frame = length.to_vec();
    frame.resize(4 + u32::from_be_bytes(length) as usize, 0);
    from.read_exact(&mut frame[4..]).ok()?;
    Some(frame)
}

fn wait_while(held: &AtomicBool) {
    while held.load(Ordering::Acquire) {
        thread::sleep(Duration::from_millis(10));
    }
}

/// Takes one of a number of chances.
fn one_of(chances: &AtomicU32) -> bool {
    chances
        .fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1))
        .is_ok()
}
