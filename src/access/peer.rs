//! The other end of a connection.

use std::net::IpAddr;

/// Who is at the other end; handlers find it among a request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer(pub IpAddr);
