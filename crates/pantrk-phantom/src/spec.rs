//! What a phantom is made from.

use serde::{Deserialize, Serialize};

use crate::PhantomError;

/// How the tumour is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// Solid nests, parted by stroma.
    Nests,
    /// Glands: columnar cells around a lumen.
    Glands,
    /// Sheets of cells with little stroma.
    Sheets,
    /// Fascicles of spindle cells.
    Spindle,
}

/// How strongly a compartment takes part in a positive cell's stain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Not on its own account: a trace of stain.
    Off,
    /// One grade below the cell's grade.
    Lower,
    /// The cell's grade.
    Full,
}

/// Where a positive cell stains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StainPattern {
    /// The nucleus without its rim.
    pub nucleus: Level,
    /// The band of about 1 um around the nuclear boundary.
    pub nuclear_rim: Level,
    /// From the rim to the cell border.
    pub cytoplasm: Level,
    /// The cell border.
    pub membrane: Level,
    /// The cytoplasm's stain lies in granules.
    pub granular: bool,
}

impl StainPattern {
    const NONE: Self = Self {
        nucleus: Level::Off,
        nuclear_rim: Level::Off,
        cytoplasm: Level::Off,
        membrane: Level::Off,
        granular: false,
    };
    /// Nuclei alone.
    pub const NUCLEAR: Self = Self {
        nucleus: Level::Full,
        ..Self::NONE
    };
    /// Nuclear envelopes alone.
    pub const RIM: Self = Self {
        nuclear_rim: Level::Full,
        ..Self::NONE
    };
    /// Cytoplasm alone.
    pub const CYTOPLASMIC: Self = Self {
        cytoplasm: Level::Full,
        ..Self::NONE
    };
    /// Cell borders alone.
    pub const MEMBRANOUS: Self = Self {
        membrane: Level::Full,
        ..Self::NONE
    };
    /// Punctate cytoplasm.
    pub const GRANULAR: Self = Self {
        cytoplasm: Level::Full,
        granular: true,
        ..Self::NONE
    };
    /// Nuclei and, one grade weaker, cytoplasm.
    pub const NUCLEAR_CYTOPLASMIC: Self = Self {
        nucleus: Level::Full,
        cytoplasm: Level::Lower,
        ..Self::NONE
    };
    /// Cell borders and, one grade weaker, cytoplasm.
    pub const MEMBRANOUS_CYTOPLASMIC: Self = Self {
        membrane: Level::Full,
        cytoplasm: Level::Lower,
        ..Self::NONE
    };
    /// Nuclear envelopes and, one grade weaker, cytoplasm.
    pub const RIM_CYTOPLASMIC: Self = Self {
        nuclear_rim: Level::Full,
        cytoplasm: Level::Lower,
        ..Self::NONE
    };

    /// The named patterns, in a fixed order.
    pub const NAMED: [(&'static str, Self); 8] = [
        ("nuclear", Self::NUCLEAR),
        ("nuclear-rim", Self::RIM),
        ("cytoplasmic", Self::CYTOPLASMIC),
        ("membranous", Self::MEMBRANOUS),
        ("granular", Self::GRANULAR),
        ("nuclear-cytoplasmic", Self::NUCLEAR_CYTOPLASMIC),
        ("membranous-cytoplasmic", Self::MEMBRANOUS_CYTOPLASMIC),
        ("nuclear-rim-cytoplasmic", Self::RIM_CYTOPLASMIC),
    ];

    /// The name in [`Self::NAMED`], or `mixed`.
    pub fn name(&self) -> &'static str {
        Self::NAMED
            .iter()
            .find(|(_, pattern)| pattern == self)
            .map_or("mixed", |(name, _)| name)
    }
}

/// How positive cells lie among the tumour cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StainExtent {
    /// In small, mingled patches all over.
    Diffuse,
    /// In a few large patches.
    Focal,
    /// Cell by cell, without order.
    Scattered,
}

/// What may lie on a slide beside tissue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArtefactKind {
    /// Tissue folded over itself.
    Fold,
    /// Ink of a marker.
    Pen,
    /// Dark granules: melanin, carbon, formalin.
    Pigment,
    /// Out of focus.
    Blur,
    /// Air under the cover slip.
    Bubble,
    /// Pools of red blood cells.
    RedCells,
    /// Golden-brown granules of iron.
    Hemosiderin,
    /// DAB that fell out of solution.
    Precipitate,
    /// The edge of the cover slip across the tissue.
    CoverslipEdge,
}

impl ArtefactKind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::Fold,
        Self::Pen,
        Self::Pigment,
        Self::Blur,
        Self::Bubble,
        Self::RedCells,
        Self::Hemosiderin,
        Self::Precipitate,
        Self::CoverslipEdge,
    ];

    /// As in GeoJSON classes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fold => "Fold",
            Self::Pen => "Pen",
            Self::Pigment => "Pigment",
            Self::Blur => "Blur",
            Self::Bubble => "Bubble",
            Self::RedCells => "RedCells",
            Self::Hemosiderin => "Hemosiderin",
            Self::Precipitate => "Precipitate",
            Self::CoverslipEdge => "CoverslipEdge",
        }
    }
}

/// A phantom slide; the default is the demo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SlideSpec {
    /// Columns of level 0.
    pub width: u32,
    /// Rows of level 0.
    pub height: u32,
    /// Micrometres per level-0 pixel, 0.1 to 2.
    pub mpp: f64,
    /// Everything random follows from it.
    pub seed: u64,
    /// How the tumour is built.
    pub architecture: Architecture,
    /// Where positive cells stain.
    pub pattern: StainPattern,
    /// How positive cells lie.
    pub extent: StainExtent,
    /// Share of tumour cells that are positive, 0 to 1.
    pub positive_fraction: f64,
    /// Weights of 1+, 2+ and 3+ among positive cells.
    pub grade_mix: [f64; 3],
    /// Spread of a cell's optical density about its grade's aim: 1 stays inside the grade's band, 2 crosses into the next.
    pub grade_spread: f64,
    /// DAB optical density from which a mean is 1+, 2+ and 3+ in the truth.
    pub thresholds: [f32; 3],
    /// DAB optical density on all tissue, 0 to 0.2; not part of any cell's truth.
    pub haze: f64,
    /// Strength of the counterstain, 1 = usual.
    pub hematoxylin: f64,
    /// Both stain vectors turned by this many degrees in their own plane.
    pub stain_rotation_degrees: f64,
    /// DAB's vector turned by this many degrees more.
    pub dab_rotation_degrees: f64,
    /// RGB of clear glass in the slide's middle, 0 to 255.
    pub white: [f64; 3],
    /// Grey levels by which glass brightens from the left edge to the right and from the top to the bottom.
    pub white_drift: [f64; 2],
    /// Share of the slide that tissue covers, 0 to 1.
    pub tissue_fraction: f64,
    /// Share of the tissue that is tumour, 0 to 1.
    pub tumour_fraction: f64,
    /// Pieces of tissue.
    pub pieces: u32,
    /// Nerve bundles.
    pub nerves: u32,
    /// DAB optical density of nerve.
    pub nerve_od: f64,
    /// Bundles of smooth muscle.
    pub muscles: u32,
    /// DAB optical density of smooth muscle.
    pub muscle_od: f64,
    /// Lymphocyte infiltrate, 0 none to 1 dense.
    pub lymphocytes: f64,
    /// Mean radius of tumour nuclei in um.
    pub nucleus_radius_um: f64,
    /// Spread of that radius (one deviation, relative).
    pub nucleus_spread: f64,
    /// Mean distance of neighbouring tumour cells in um.
    pub cell_pitch_um: f64,
    /// Length to width of tumour nuclei, 1 = round.
    pub nucleus_elongation: f64,
    /// Contrast of the chromatin's texture, 1 = usual.
    pub chromatin: f64,
    /// Share of tumour nuclei with a nucleolus.
    pub nucleoli: f64,
    /// What else lies on the slide; one of each entry.
    pub artefacts: Vec<ArtefactKind>,
    /// Scanner blur, one deviation in um.
    pub blur_um: f64,
    /// Sensor noise, one deviation in grey levels.
    pub noise: f64,
    /// JPEG quality of slide tiles, 1 to 100.
    pub jpeg_quality: u8,
}

impl Default for SlideSpec {
    fn default() -> Self {
        Self {
            width: 12_000,
            height: 10_000,
            mpp: 0.25,
            seed: 2026,
            architecture: Architecture::Nests,
            pattern: StainPattern::NUCLEAR_CYTOPLASMIC,
            extent: StainExtent::Diffuse,
            positive_fraction: 0.65,
            grade_mix: [0.15, 0.35, 0.5],
            grade_spread: 1.0,
            thresholds: [0.2, 0.4, 0.6],
            haze: 0.02,
            hematoxylin: 1.0,
            stain_rotation_degrees: 0.0,
            dab_rotation_degrees: 0.0,
            white: [244.0, 243.0, 245.0],
            white_drift: [0.0; 2],
            tissue_fraction: 0.5,
            tumour_fraction: 0.5,
            pieces: 1,
            nerves: 1,
            nerve_od: 0.5,
            muscles: 1,
            muscle_od: 0.11,
            lymphocytes: 0.35,
            nucleus_radius_um: 4.0,
            nucleus_spread: 0.12,
            cell_pitch_um: 11.0,
            nucleus_elongation: 1.25,
            chromatin: 1.0,
            nucleoli: 0.5,
            artefacts: Vec::new(),
            blur_um: 0.17,
            noise: 1.3,
            jpeg_quality: 88,
        }
    }
}

impl SlideSpec {
    /// The pattern's name; `none` where no cell is meant to stain.
    pub fn pattern_name(&self) -> &'static str {
        if self.positive_fraction > 0.0 {
            self.pattern.name()
        } else {
            "none"
        }
    }

    /// Width and height in um.
    pub fn extent_um(&self) -> (f32, f32) {
        (
            (f64::from(self.width) * self.mpp) as f32,
            (f64::from(self.height) * self.mpp) as f32,
        )
    }

    /// Checks that a slide can be made from it.
    ///
    /// # Errors
    /// [`PhantomError::Spec`] naming the first value out of its range.
    pub fn check(&self) -> Result<(), PhantomError> {
        let ranges = [
            ("width", f64::from(self.width), 16.0, 400_000.0),
            ("height", f64::from(self.height), 16.0, 400_000.0),
            ("mpp", self.mpp, 0.1, 2.0),
            ("positive_fraction", self.positive_fraction, 0.0, 1.0),
            ("grade_spread", self.grade_spread, 0.0, 4.0),
            ("haze", self.haze, 0.0, 0.2),
            ("hematoxylin", self.hematoxylin, 0.1, 3.0),
            (
                "stain_rotation_degrees",
                self.stain_rotation_degrees,
                -25.0,
                25.0,
            ),
            (
                "dab_rotation_degrees",
                self.dab_rotation_degrees,
                -25.0,
                25.0,
            ),
            ("white_drift[0]", self.white_drift[0], -60.0, 60.0),
            ("white_drift[1]", self.white_drift[1], -60.0, 60.0),
            ("white[0]", self.white[0], 150.0, 255.0),
            ("white[1]", self.white[1], 150.0, 255.0),
            ("white[2]", self.white[2], 150.0, 255.0),
            ("tissue_fraction", self.tissue_fraction, 0.0, 1.0),
            ("tumour_fraction", self.tumour_fraction, 0.0, 1.0),
            ("pieces", f64::from(self.pieces), 0.0, 12.0),
            ("nerves", f64::from(self.nerves), 0.0, 20.0),
            ("nerve_od", self.nerve_od, 0.0, 1.5),
            ("muscles", f64::from(self.muscles), 0.0, 20.0),
            ("muscle_od", self.muscle_od, 0.0, 1.5),
            ("lymphocytes", self.lymphocytes, 0.0, 1.0),
            ("nucleus_radius_um", self.nucleus_radius_um, 2.0, 7.0),
            ("nucleus_spread", self.nucleus_spread, 0.0, 0.3),
            ("cell_pitch_um", self.cell_pitch_um, 5.0, 25.0),
            ("nucleus_elongation", self.nucleus_elongation, 1.0, 2.5),
            ("chromatin", self.chromatin, 0.0, 3.0),
            ("nucleoli", self.nucleoli, 0.0, 1.0),
            ("blur_um", self.blur_um, 0.0, 0.6),
            ("noise", self.noise, 0.0, 10.0),
            ("jpeg_quality", f64::from(self.jpeg_quality), 1.0, 100.0),
            ("artefacts", self.artefacts.len() as f64, 0.0, 40.0),
        ];
        for (name, found, low, high) in ranges {
            if !(low..=high).contains(&found) {
                return Err(PhantomError::Spec {
                    name,
                    found,
                    low,
                    high,
                });
            }
        }
        let sum: f64 = self.grade_mix.iter().sum();
        if self.grade_mix.iter().any(|&w| !(0.0..=1e6).contains(&w)) || sum <= 0.0 {
            return Err(PhantomError::Spec {
                name: "grade_mix",
                found: sum,
                low: 1e-6,
                high: 3e6,
            });
        }
        Ok(())
    }
}

/// A window of a phantom slide at any pixel size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldSpec {
    /// The slide it lies on; where its `mpp` is the field's, the pixels are the slide's before JPEG.
    pub slide: SlideSpec,
    /// The field's left top corner on the slide in um, taken to the nearest whole pixel of the field.
    pub origin_um: [f64; 2],
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Micrometres per pixel of the field, 0.1 to 2.
    pub mpp: f64,
}
