//! The manifest of the small networks in `fixtures/`, and where other networks are.

use std::path::{Path, PathBuf};

use pantrk_nn::sha256_hex;

/// The optional test data beside the repository, or in the folder that `PANTRK_SHARED_DATA` names.
pub(crate) fn shared_data(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("PANTRK_SHARED_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: no ../shared/data ({name})");
    None
}

/// Pixels along a side of their patch.
pub(crate) const EDGE: u32 = 32;
/// The outputs of the tiny networks.
pub(crate) const MAPS: &str = "[[outputs]]\nname = \"maps\"\nchannels = 2\nstride = 1";

/// `model.toml` of a network with these outputs and that head.
pub(crate) fn manifest_text(weights: &[u8], layout: &str, outputs: &str, head: &str) -> String {
    format!(
        r#"
name = "tiny"
version = "1"
licence = "MIT OR Apache-2.0"
sha256 = "{}"
intended_stain = "H-DAB"
training_set = "none"
[input]
name = "image"
channels = "rgb"
mpp = 0.5
patch = {EDGE}
layout = "{layout}"
normalisation = {{ kind = "unit" }}
{outputs}
[head]
kind = "{head}"
"#,
        sha256_hex(weights)
    )
}
