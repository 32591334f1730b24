//! `model.toml`: what a model is, what it wants and what it gives.

use std::path::Path;

use pantrk_space::MicronsPerPixel;
use serde::{Deserialize, Deserializer};

use crate::ModelError;

/// The smallest and largest patch edge that a manifest may ask for, in pixels.
const PATCH_RANGE: std::ops::RangeInclusive<u32> = 16..=4096;

/// The contents of `model.toml`; unknown keys are errors.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelManifest {
    /// As in results and on the command line.
    pub name: String,
    /// The model's own version.
    pub version: String,
    /// Of the weights.
    pub licence: String,
    /// Of the weights file, 64 lower-case hex digits.
    pub sha256: String,
    /// The weights file inside the model folder.
    #[serde(default = "default_weights")]
    pub weights: String,
    /// What the model was made for, such as `H-DAB`.
    pub intended_stain: String,
    /// What it learned from, as a sentence.
    pub training_set: String,
    /// How it was measured: a sentence or a table of figures; `None` if never.
    #[serde(default)]
    pub evaluation: Option<toml::Value>,
    /// What the network takes.
    pub input: InputSpec,
    /// What the network gives, in any order.
    pub outputs: Vec<OutputSpec>,
    /// What turns its output into nuclei.
    pub head: HeadSpec,
}

fn default_weights() -> String {
    "weights.onnx".to_owned()
}

/// What the network takes: one patch, as `f32`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputSpec {
    /// The tensor's name in the ONNX file.
    pub name: String,
    /// What its channels hold.
    pub channels: Channels,
    /// The pixel size.
    #[serde(deserialize_with = "mpp_from_number")]
    pub mpp: MicronsPerPixel,
    /// Edge of the square patch in pixels, halo included.
    pub patch: u32,
    /// How values are scaled.
    pub normalisation: Normalisation,
    /// The order of the axes.
    pub layout: Layout,
}

impl InputSpec {
    /// Values in one patch.
    pub fn values(&self) -> usize {
        self.channels.count() * self.pixels()
    }

    /// Pixels in one patch.
    pub fn pixels(&self) -> usize {
        self.patch as usize * self.patch as usize
    }
}

/// What the input's channels hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channels {
    /// Red, green, blue; 0 to 255 before normalisation.
    Rgb,
    /// The hematoxylin optical density (log10).
    Hematoxylin,
    /// Luma by ITU-R BT.601 weights; 0 to 255 before normalisation.
    Gray,
}

impl Channels {
    /// How many.
    pub const fn count(self) -> usize {
        match self {
            Self::Rgb => 3,
            Self::Hematoxylin | Self::Gray => 1,
        }
    }
}

/// How values are scaled before the network sees them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Normalisation {
    /// 0 to 255 becomes 0 to 1; optical densities stay.
    Unit {},
    /// As `unit`, then minus `mean`, divided by `std`, one of each per channel.
    MeanStd {
        /// Per channel.
        mean: Vec<f32>,
        /// Per channel, above zero.
        std: Vec<f32>,
    },
    /// 0 to 255 becomes its optical density, log10 against a white of 255; optical densities stay.
    Od {},
    /// Each channel of each patch to mean 0 and standard deviation 1.
    ///
    /// The patch's content then moves every pixel's value, so two patches that overlap need not agree.
    ZScore {},
}

/// The order of the axes; the batch is always 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// 1, channels, rows, columns.
    Nchw,
    /// 1, rows, columns, channels.
    Nhwc,
}

impl Layout {
    /// The shape of a tensor in this layout.
    pub const fn shape(self, channels: usize, edge: usize) -> [usize; 4] {
        match self {
            Self::Nchw => [1, channels, edge, edge],
            Self::Nhwc => [1, edge, edge, channels],
        }
    }
}

/// One tensor that the network gives; its layout is the input's.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputSpec {
    /// The tensor's name in the ONNX file.
    pub name: String,
    /// How many maps.
    pub channels: usize,
    /// Input pixels per output pixel along each axis.
    pub stride: u32,
}

/// What turns the network's output into nuclei.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadSpec {
    /// Its name in the table of heads.
    pub kind: String,
    /// Its parameters; each head knows its own and refuses others.
    #[serde(default)]
    pub parameters: toml::Table,
}

fn mpp_from_number<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<MicronsPerPixel, D::Error> {
    let value = f64::deserialize(deserializer)?;
    // Outside of this no nucleus fits a patch, or none can be seen.
    let mpp = MicronsPerPixel::new(value).filter(|mpp| (0.1..=2.0).contains(&mpp.get()));
    mpp.ok_or_else(|| serde::de::Error::custom(format!("mpp is {value}, wanted 0.1 to 2 um")))
}

impl ModelManifest {
    /// Reads a manifest's text; `path` is for messages alone.
    ///
    /// # Errors
    /// [`ModelError::Manifest`] naming the key that is unknown, missing or wrong.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ModelError> {
        let manifest: Self = toml::from_str(text).map_err(|error| {
            let line = error
                .span()
                .and_then(|span| text.get(..span.start))
                .map(|before| before.matches('\n').count() + 1);
            let reason = match line {
                Some(line) => format!("{} (line {line})", error.message()),
                None => error.message().to_owned(),
            };
            ModelError::Manifest {
                reason: crate::error::one_line(&reason),
                path: path.to_owned(),
            }
        })?;
        match manifest.fault() {
            None => Ok(manifest),
            Some(reason) => Err(ModelError::Manifest {
                reason,
                path: path.to_owned(),
            }),
        }
    }

    /// What no type can say: the first rule that the manifest breaks.
    fn fault(&self) -> Option<String> {
        for (key, value) in [
            ("name", &self.name),
            ("version", &self.version),
            ("licence", &self.licence),
            ("intended_stain", &self.intended_stain),
            ("training_set", &self.training_set),
            ("input.name", &self.input.name),
            ("head.kind", &self.head.kind),
        ] {
            if value.trim().is_empty() {
                return Some(format!("{key} is empty"));
            }
        }
        if self.sha256.len() != 64
            || !self
                .sha256
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        {
            return Some(format!(
                "sha256 is {:?}, wanted 64 lower-case hex digits",
                self.sha256
            ));
        }
        // A manifest from elsewhere must not reach outside its own folder.
        if self.weights.is_empty()
            || Path::new(&self.weights).file_name() != Some(self.weights.as_ref())
        {
            return Some(format!(
                "weights is {:?}, wanted a file name without a folder",
                self.weights
            ));
        }
        let patch = self.input.patch;
        if !PATCH_RANGE.contains(&patch) {
            return Some(format!(
                "input.patch is {patch}, wanted {} to {}",
                PATCH_RANGE.start(),
                PATCH_RANGE.end()
            ));
        }
        if let Normalisation::MeanStd { mean, std } = &self.input.normalisation {
            let wanted = self.input.channels.count();
            if mean.len() != wanted || std.len() != wanted {
                return Some(format!(
                    "input.normalisation has {} means and {} standard deviations, wanted {wanted} of each",
                    mean.len(),
                    std.len()
                ));
            }
            if mean.iter().any(|v| !v.is_finite())
                || std.iter().any(|&v| !(v.is_finite() && v > 0.0))
            {
                return Some(
                    "input.normalisation wants finite means and standard deviations above zero"
                        .to_owned(),
                );
            }
        }
        if self.outputs.is_empty() {
            return Some("outputs is empty, wanted at least one".to_owned());
        }
        for (i, output) in self.outputs.iter().enumerate() {
            if output.channels == 0 {
                return Some(format!("output {:?} has 0 channels", output.name));
            }
            if output.stride == 0 || !patch.is_multiple_of(output.stride) {
                return Some(format!(
                    "output {:?} has stride {}, wanted a divisor of the patch, {patch}",
                    output.name, output.stride
                ));
            }
            if self.outputs[..i].iter().any(|o| o.name == output.name) {
                return Some(format!("output {:?} is named twice", output.name));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
name = "tiny"
version = "1"
licence = "MIT"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
intended_stain = "H-DAB"
training_set = "none"
[input]
name = "image"
channels = "rgb"
mpp = 0.5
patch = 32
layout = "nchw"
normalisation = { kind = "unit" }
[[outputs]]
name = "maps"
channels = 2
stride = 1
[head]
kind = "interior-distance"
parameters = { seed_threshold = 0.4 }
"#;

    fn reason(text: &str) -> String {
        ModelManifest::parse(text, Path::new("m/model.toml"))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_good_manifest_reads_back() {
        let manifest = ModelManifest::parse(GOOD, Path::new("model.toml")).unwrap();
        assert_eq!(manifest.weights, "weights.onnx");
        assert_eq!(manifest.input.values(), 3 * 32 * 32);
        assert_eq!(manifest.outputs[0].channels, 2);
        assert_eq!(
            manifest.head.parameters["seed_threshold"].as_float(),
            Some(0.4)
        );
        assert!((manifest.input.mpp.get() - 0.5).abs() < 1e-12);
    }

    #[test]
    fn unknown_keys_are_named_with_their_line() {
        let text = GOOD.replace("patch = 32", "patch = 32\npacth = 64");
        let reason = reason(&text);
        assert!(reason.contains("`pacth`"), "{reason}");
        assert!(reason.contains("line 13"), "{reason}");
        assert!(reason.ends_with("m/model.toml"), "{reason}");
        assert!(!reason.contains('\n'), "{reason}");
    }

    #[test]
    fn unknown_keys_of_a_normalisation_are_named() {
        let text = GOOD.replace("{ kind = \"unit\" }", "{ kind = \"unit\", scale = 2 }");
        assert!(reason(&text).contains("`scale`"), "{}", reason(&text));
    }

    #[test]
    fn faults_name_found_and_wanted() {
        for (from, to, found) in [
            ("mpp = 0.5", "mpp = 0.0", "mpp is 0"),
            ("patch = 32", "patch = 8", "input.patch is 8, wanted 16"),
            ("stride = 1", "stride = 3", "stride 3"),
            ("channels = 2", "channels = 0", "0 channels"),
            ("name = \"tiny\"", "name = \" \"", "name is empty"),
            ("sha256 = \"0", "sha256 = \"G", "64 lower-case hex digits"),
            (
                "{ kind = \"unit\" }",
                "{ kind = \"mean-std\", mean = [0.5], std = [1.0] }",
                "1 means and 1 standard deviations, wanted 3",
            ),
            (
                "{ kind = \"unit\" }",
                "{ kind = \"mean-std\", mean = [0.5,0.5,0.5], std = [1.0,0.0,1.0] }",
                "above zero",
            ),
            (
                "licence = \"MIT\"",
                "licence = \"MIT\"\nweights = \"../../etc/passwd\"",
                "without a folder",
            ),
        ] {
            assert_ne!(GOOD, GOOD.replace(from, to), "{from}");
            let reason = reason(&GOOD.replace(from, to));
            assert!(reason.contains(found), "{to}: {reason}");
        }
    }
}
