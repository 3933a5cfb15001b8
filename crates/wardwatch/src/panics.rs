//! What a panic prints: where it happened, never its message.
//!
//! Messages of panics quote what a program was working on; tract's quote whole tensors, which are patients' data.

use std::io::Write;

/// Replaces the standard panic hook by one that names the thread and the place only.
pub fn hide_payloads() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("unnamed");
        // Standard error may be closed; a panic while panicking would abort.
        let written = match panic.location() {
            Some(place) => writeln!(
                std::io::stderr(),
                "internal error: thread {name} panicked at {place}; please report it"
            ),
            None => writeln!(
                std::io::stderr(),
                "internal error: thread {name} panicked; please report it"
            ),
        };
        drop(written);
    }));
}
