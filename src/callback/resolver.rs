//! Name resolution that pins what it checked: the connection goes to an address that passed the policy, and to no other.

use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::policy::AddressPolicy;

/// Resolves with the system's resolver and drops what the policy refuses.
pub(super) struct CheckedResolver {
    pub(super) policy: Arc<AddressPolicy>,
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.policy.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let mut refused = None;
            let mut addresses: Vec<SocketAddr> = Vec::new();
            for address in found {
                match policy.check_address(address.ip(), name.as_str()) {
                    Ok(()) => addresses.push(address),
                    Err(error) => refused = Some(error),
                }
            }
            match refused {
                Some(error) if addresses.is_empty() => Err(error.into()),
                _ => Ok(Box::new(addresses.into_iter()) as Addrs),
            }
        })
    }
}
