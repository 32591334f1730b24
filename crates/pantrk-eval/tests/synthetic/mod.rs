//! A made-up cohort on disk: result folders as `pantrk score` leaves them, and the truth beside them.
//!
//! Nothing is scored: the figures are drawn from a seed so that sensitivity is lower for NTRK3, sarcoma and glioma stain without a fusion, and two readers scatter around the same percent.
#![expect(clippy::unwrap_used, reason = "a helper of tests")]
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "a module of several tests and of an example, each of which uses its own part"
)]

#[path = "../../../pantrk-store/tests/common/mod.rs"]
mod sample;

use std::fmt::Write as _;
use std::path::Path;

use pantrk_core::score::{Extent, IhcResult};
use pantrk_store::SlideResult;
use pantrk_triage::{Case, IhcFinding, decide};

/// Splitmix64.
struct Draws(u64);

impl Draws {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// About normal: the sum of four.
    fn around(&mut self, centre: f64, sd: f64) -> f64 {
        let sum: f64 = (0..4).map(|_| self.uniform()).sum();
        centre + sd * (sum - 2.0) * 3f64.sqrt()
    }
}

/// Tumour type, share with a fusion, share that stains without one.
const TUMOURS: [(&str, f64, f64); 7] = [
    ("colorectal-carcinoma", 0.10, 0.03),
    ("lung-adenocarcinoma", 0.06, 0.04),
    ("thyroid-papillary-carcinoma", 0.20, 0.03),
    ("salivary-secretory-carcinoma", 0.85, 0.05),
    ("soft-tissue-sarcoma", 0.08, 0.30),
    ("glioblastoma", 0.05, 0.75),
    ("melanoma", 0.05, 0.05),
];

/// How the cohort is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Recipe {
    /// How many slides.
    pub slides: u64,
    /// Everything random follows from it.
    pub seed: u64,
    /// Standard deviation of pantrk's percent around the true one, in points.
    pub noise: f64,
}

/// Writes `<out>/results/<slide-id>/result.json` and `<out>/truth.csv`.
pub fn write_cohort(out: &Path, recipe: Recipe) {
    let results = out.join("results");
    let mut truth = String::from(
        "slide_id,reader,modality,read_date,ihc_result,ihc_percent,h_score,ngs_result,ngs_gene,ngs_partner,tumour_type,site,scanner\n",
    );
    let base = sample::sample();
    for i in 0..recipe.slides {
        // Truth and readers are the same whatever the noise, so that two runs can be compared.
        let mut draws = Draws(recipe.seed.wrapping_mul(1_000_003).wrapping_add(i));
        let mut own = Draws(recipe.seed.wrapping_add(i << 20) ^ recipe.noise.to_bits());
        let (tumour, fused, stains) = TUMOURS[(draws.uniform() * TUMOURS.len() as f64) as usize];
        let fusion = draws.uniform() < fused;
        let gene = 1 + (draws.uniform() * 3.0) as u32;
        let percent = match (fusion, draws.uniform()) {
            (true, u) if gene == 3 && u < 0.5 => draws.around(0.4, 0.3),
            (true, u) if u < 0.06 => draws.around(0.6, 0.4),
            (true, _) => draws.around(70.0, 18.0),
            (false, u) if u < stains => draws.around(18.0, 14.0),
            (false, _) => draws.uniform() * 0.6,
        };
        let percent = percent.clamp(0.0, 100.0);
        let id = format!("S{i:05}");
        let measured = own.around(percent, recipe.noise * (0.03 + percent / 100.0));
        let result = result(&base, &id, tumour, measured.clamp(0.0, 100.0), i % 61 == 60);
        let folder = results.join(&id);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("result.json"), result.to_json().unwrap()).unwrap();
        // Negatives are sequenced less often.
        let sequenced = percent >= 1.0 || draws.uniform() < if fusion { 0.8 } else { 0.4 };
        let site = ["north", "south", "west"][(draws.uniform() * 3.0) as usize];
        let scanner = ["GT450", "P1000"][(draws.uniform() * 2.0) as usize];
        for (reader, modality, date) in [
            ("Adler", "glass", "2026-03-02"),
            ("Bauer", "glass", "2026-03-05"),
            ("Adler", "digital", "2026-03-23"),
        ] {
            let read = draws.around(percent, 0.2 + percent / 9.0).clamp(0.0, 100.0);
            let call = if read >= 1.0 { "positive" } else { "negative" };
            let ngs = match (sequenced, fusion) {
                (true, true) => "fusion-detected",
                (true, false) => "no-fusion-detected",
                (false, _) => "",
            };
            let (gene, partner) = match gene {
                _ if !(fusion && sequenced) => (String::new(), ""),
                3 => ("NTRK3".to_owned(), "ETV6"),
                n => (format!("NTRK{n}"), if n == 1 { "TPM3" } else { "" }),
            };
            writeln!(
                truth,
                "{id},{reader},{modality},{date},{call},{read:.1},{:.0},{ngs},{gene},{partner},{tumour},{site},{scanner}",
                read * 1.7
            )
            .unwrap();
        }
    }
    std::fs::write(out.join("truth.csv"), truth).unwrap();
}

fn result(
    base: &SlideResult,
    id: &str,
    tumour: &str,
    percent: f64,
    is_unreadable: bool,
) -> SlideResult {
    let mut result = base.clone();
    id.clone_into(&mut result.slide.id);
    result.ihc.result = match percent {
        _ if is_unreadable => IhcResult::NotEvaluable,
        p if p >= 1.3 => IhcResult::Positive,
        p if p >= 0.8 => IhcResult::Indeterminate,
        _ => IhcResult::Negative,
    };
    if is_unreadable {
        result.compartments = None;
        result.pattern = None;
    } else if let Some(scores) = &mut result.compartments {
        scores.any.positive_percent = percent;
        scores.any.h_score = percent * 1.7;
    }
    let case = Case {
        tumour_type: Some(tumour.to_owned()),
        antibody_clone: Some("EPR17341".to_owned()),
        ..Case::default()
    };
    let mut finding = IhcFinding::new(result.ihc.result);
    finding.percent = Some(percent);
    finding.extent = Some(if percent >= 50.0 {
        Extent::Diffuse
    } else {
        Extent::Focal
    });
    result.triage = decide(&case, &finding).unwrap();
    result
        .run
        .parameters
        .insert("case".to_owned(), serde_json::to_value(case).unwrap());
    result
}
