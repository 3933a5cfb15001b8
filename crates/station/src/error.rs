//! What can fail when a station starts.

use std::io;
use std::net::SocketAddr;

/// Why a station did not start, or did not end in order.
#[derive(Debug, thiserror::Error)]
pub enum StationError {
    /// Configuration: without sign-in, only this machine may look.
    #[error(
        "the station listens on loopback only, since it has no sign-in yet, and {listen} is not a loopback address; \
         use 127.0.0.1 or [::1]"
    )]
    NotLoopback {
        /// The address as configured.
        listen: SocketAddr,
    },
    /// Outside system: the port is taken or may not be opened. Choose another, or 0 for any free one.
    #[error("cannot listen on {listen}; is another station running there?")]
    Bind {
        /// The address as configured.
        listen: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Us: the server ended by itself. Stop, and start it again.
    #[error("the station's server ended unexpectedly")]
    Server(#[source] io::Error),
}
