//! What the tests beside a real Kafka share.
#![allow(dead_code, reason = "each test file uses a part")]

pub mod bench;
pub mod identity;
pub mod oracle;
pub mod proxy;
