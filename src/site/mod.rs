//! The site this process serves: its host, Harbor and Docker server, as the newest rows say.

mod model;

pub use model::{DockerServer, Harbor, Part, PublicHost, SiteError};
