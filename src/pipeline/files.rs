//! The mirror and installer files that a request takes, found in the catalogue.

use crate::catalogue::{Catalogue, CatalogueError};
use crate::recipe::{NeededFiles, ResolvedFiles};

/// Finds every file, or says which is missing.
pub async fn find_files(catalogue: &Catalogue, needed: &NeededFiles) -> Result<ResolvedFiles, CatalogueError> {
    let mut found = ResolvedFiles::default();
    for (installer, choice) in &needed.sources {
        found.sources.push((*installer, catalogue.mirror_file(*installer, choice).await?));
    }
    for (kind, name) in &needed.installers {
        found.installers.push(catalogue.installer_file(*kind, name).await?);
    }
    Ok(found)
}
