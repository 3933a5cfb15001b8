//! The parts of the path from bytes to alerts, each alone, and all of them together. One thread.

#![allow(clippy::disallowed_methods, reason = "measurements read the clock")]

mod decode;
mod score;
mod snapshot;
mod whole;
mod windows;

use criterion::{criterion_group, criterion_main};

/// As in the product, so that allocation costs the same.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

criterion_group!(
    parts,
    decode::bench,
    windows::bench,
    score::bench,
    whole::bench,
    snapshot::bench
);
criterion_main!(parts);
