//! Where the optional test data are; the tests of several crates take this file in by its path.

use std::path::{Path, PathBuf};

/// A file or folder of the optional real test data, which lie beside the checkout or in the folder that `PANTRK_SHARED_DATA` names; says so and gives `None` where it is not there.
pub(crate) fn shared_data(name: &str) -> Option<PathBuf> {
    let beside = || {
        let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        let checkout = folders.find(|folder| folder.join("Cargo.lock").is_file());
        checkout.map(|folder| folder.join("../shared/data"))
    };
    let root = std::env::var_os("PANTRK_SHARED_DATA").map_or_else(beside, |at| Some(at.into()));
    let found = root
        .map(|root| root.join(name))
        .filter(|path| path.exists());
    if found.is_none() {
        println!("skipped: no ../shared/data ({name})");
    }
    found
}
