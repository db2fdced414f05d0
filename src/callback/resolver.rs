//! Name resolution that pins what it checked: the connection goes to an address that passed the policy, and to no other.

use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::docker_server::{self, CurrentServer};
use super::policy::{AddressPolicy, RefusedAddress};
use crate::engine::Endpoint;

/// Resolves with the system's resolver and drops what the policy refuses.
pub(super) struct CheckedResolver {
    pub(super) policy: Arc<AddressPolicy>,
    /// Drops the addresses of this server's host, too, when there is one.
    pub(super) beside: Option<CurrentServer>,
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.policy.clone();
        let beside = self.beside.as_ref().and_then(|server| server());
        Box::pin(async move {
            let own = match &beside {
                Some(Endpoint::Tcp { host, .. }) => docker_server::addresses(host).await?,
                _ => Vec::new(),
            };
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let mut refused = None;
            let mut addresses: Vec<SocketAddr> = Vec::new();
            for address in found {
                match policy.check_address(address.ip(), name.as_str()) {
                    Ok(()) if docker_server::is_own(address.ip(), &own) => {
                        refused = Some(RefusedAddress::DockerServer(name.as_str().to_owned()));
                    }
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
