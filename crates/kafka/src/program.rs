//! Which program this is.
//!
//! Another build may decide differently in the last digits of a number, and rightly so; a digest is held only against one
//! of the same build.

use std::fs::File;
use std::io::Read;
use std::sync::{Arc, LazyLock};

/// The version, and a checksum of the program's file.
pub(crate) fn identity() -> Arc<str> {
    static IDENTITY: LazyLock<Arc<str>> = LazyLock::new(|| {
        let checksum = checksum().map_or_else(|_| "unknown".to_owned(), |sum| format!("{sum:08x}"));
        format!("{}-{checksum}", env!("CARGO_PKG_VERSION")).into()
    });
    IDENTITY.clone()
}

fn checksum() -> std::io::Result<u32> {
    let mut program = File::open(std::env::current_exe()?)?;
    let mut hasher = crc32fast::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = program.read(&mut buffer)?;
        if read == 0 {
            return Ok(hasher.finalize());
        }
        hasher.update(&buffer[..read]);
    }
}
