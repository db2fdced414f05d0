//! The site this process serves: its host, Harbor and Docker server, as the newest rows say.
//!
//! Rows are only ever appended, and only after the daemon was reached and the login tested by that daemon. What the
//! newest rows say is kept in memory, the daemon's connection included, so that a request pays for neither.

mod address;
mod certificates;
mod configure;
mod current;
mod headers;
mod model;
mod rollback;
mod tls_archive;

pub use address::{AddressError, DockerAddress, parse_host};
pub use configure::{ConfigureError, ConfigureOrder, DockerServerOrder, Field, HarborOrder, HostOrder};
pub use current::Site;
pub use headers::{HEADERS_PURPOSE, HeaderError, check_headers, is_shown};
pub use model::{DockerServer, Harbor, Part, PublicHost, SiteError, full_name};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use tls_archive::unpack as unpack_tls_archive;
pub use tls_archive::{TlsArchiveError, TlsFile};

/// What Harbor's password is sealed for.
pub const HARBOR_PASSWORD_PURPOSE: &str = "harbor.password";
