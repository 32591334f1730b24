//! The manifest of the small networks in `fixtures/`, and where other networks are.

#[path = "../../../../tests/src/shared_data.rs"]
mod shared_data;

use pantrk_nn::sha256_hex;
pub(crate) use shared_data::shared_data;

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
