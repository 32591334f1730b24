//! Named slides.

use serde::{Deserialize, Serialize};

use crate::spec::{Architecture, SlideSpec, StainExtent, StainPattern};

/// A named slide; each is the demo's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Nests, nuclear and cytoplasmic, 65 % positive.
    Demo,
    /// No tumour cell stains; nerve and muscle do.
    Negative,
    /// Nuclear with cytoplasm, as described for ETV6 fusions.
    NuclearEtv6,
    /// Nuclear envelopes, as described for LMNA fusions.
    RimLmna,
    /// Cell borders with cytoplasm, as described for TPM3 fusions.
    MembraneTpm3,
    /// Diffuse cytoplasm, as described for TPM4 fusions.
    CytoplasmTpm4,
    /// Punctate cytoplasm.
    Granular,
    /// One part of the tumour stains.
    Focal,
    /// Single cells stain.
    Scattered,
    /// Weak stain in few cells, near the cut-off.
    Weak,
}

impl Preset {
    /// Name and preset, in a fixed order.
    pub const TABLE: [(&'static str, Self); 10] = [
        ("demo", Self::Demo),
        ("negative", Self::Negative),
        ("nuclear-etv6", Self::NuclearEtv6),
        ("rim-lmna", Self::RimLmna),
        ("membrane-tpm3", Self::MembraneTpm3),
        ("cytoplasm-tpm4", Self::CytoplasmTpm4),
        ("granular", Self::Granular),
        ("focal", Self::Focal),
        ("scattered", Self::Scattered),
        ("weak", Self::Weak),
    ];

    /// The preset of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::TABLE
            .iter()
            .find(|(n, _)| *n == name)
            .map(|&(_, preset)| preset)
    }

    /// As in [`Self::TABLE`].
    pub fn name(self) -> &'static str {
        Self::TABLE
            .iter()
            .find(|(_, preset)| *preset == self)
            .map_or("demo", |&(name, _)| name)
    }

    /// The slide.
    pub fn spec(self) -> SlideSpec {
        let demo = SlideSpec::default();
        match self {
            Self::Demo => demo,
            Self::Negative => SlideSpec {
                positive_fraction: 0.0,
                haze: 0.04,
                ..demo
            },
            Self::NuclearEtv6 => SlideSpec {
                positive_fraction: 0.9,
                grade_mix: [0.1, 0.3, 0.6],
                ..demo
            },
            Self::RimLmna => SlideSpec {
                architecture: Architecture::Sheets,
                pattern: StainPattern::RIM,
                positive_fraction: 0.8,
                nucleoli: 0.2,
                ..demo
            },
            Self::MembraneTpm3 => SlideSpec {
                architecture: Architecture::Glands,
                pattern: StainPattern::MEMBRANOUS_CYTOPLASMIC,
                positive_fraction: 0.85,
                nucleus_elongation: 1.6,
                ..demo
            },
            Self::CytoplasmTpm4 => SlideSpec {
                architecture: Architecture::Spindle,
                pattern: StainPattern::CYTOPLASMIC,
                positive_fraction: 0.9,
                nucleus_elongation: 1.9,
                ..demo
            },
            Self::Granular => SlideSpec {
                pattern: StainPattern::GRANULAR,
                positive_fraction: 0.6,
                grade_mix: [0.4, 0.5, 0.1],
                ..demo
            },
            Self::Focal => SlideSpec {
                pattern: StainPattern::CYTOPLASMIC,
                extent: StainExtent::Focal,
                positive_fraction: 0.12,
                ..demo
            },
            Self::Scattered => SlideSpec {
                pattern: StainPattern::CYTOPLASMIC,
                extent: StainExtent::Scattered,
                positive_fraction: 0.05,
                ..demo
            },
            Self::Weak => SlideSpec {
                pattern: StainPattern::CYTOPLASMIC,
                positive_fraction: 0.03,
                grade_mix: [1.0, 0.0, 0.0],
                ..demo
            },
        }
    }
}
