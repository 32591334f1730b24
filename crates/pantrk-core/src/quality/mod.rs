//! What on the slide must not be scored, and whether the slide is of the right kind at all.
//!
//! Each check marks overview pixels; scoring leaves them out and the result states the area of each.
//! What can be told at low power is judged first ([`CHECKS`]), before cells are looked for; what needs a close look is judged on what the scoring pass saw ([`CLOSE_CHECKS`]).
//! A new check is one file and one row in one of the two.

mod blocks;
mod bubble;
mod dark_grains;
mod dark_pigment;
mod focus;
mod fold;
mod neutral;
mod pen;
mod precipitate;
mod red_cells;
mod wrong_stain;

use std::collections::BTreeMap;

use crate::overview::{Mask, Overview};
use crate::stain::Deconvolver;

pub(crate) use blocks::BlockMeter;
pub use blocks::{Block, BlockMap};
pub use wrong_stain::{StainKind, stain_kind};

/// A check that marks places to leave out.
pub struct Check {
    /// As in `result.json`'s `excluded_mm2`.
    pub name: &'static str,
    /// Marks the places, within tissue.
    pub mark: fn(&Overview, &Mask, &Deconvolver) -> Mask,
}

/// All checks, in the order in which a place that fails several is counted.
pub const CHECKS: [Check; 2] = [
    Check {
        name: "pen",
        mark: pen::mark,
    },
    Check {
        name: "pigment",
        mark: dark_pigment::mark,
    },
];

/// A check that marks places to leave out by what the scoring pass saw of them.
pub struct CloseCheck {
    /// As in `result.json`'s `excluded_mm2`; the same name as one of [`CHECKS`] adds to it.
    pub name: &'static str,
    /// Marks the places, within tissue.
    pub mark: fn(&CloseLook<'_>) -> Mask,
}

/// What a close check looks at.
pub struct CloseLook<'a> {
    /// The slide at low power.
    pub overview: &'a Overview,
    /// What the scoring pass saw.
    pub blocks: &'a BlockMap,
    /// Tissue that no check before has marked.
    pub tissue: &'a Mask,
    /// What was marked as dark pigment before.
    pub dark: &'a Mask,
    /// Separates the overview by the slide's own stain vectors.
    pub colours: &'a Deconvolver,
}

/// All close checks, in the order in which a place that fails several is counted.
pub const CLOSE_CHECKS: [CloseCheck; 6] = [
    CloseCheck {
        name: "red-cells",
        mark: red_cells::mark,
    },
    CloseCheck {
        name: "precipitate",
        mark: precipitate::mark,
    },
    CloseCheck {
        name: "bubble",
        mark: bubble::mark,
    },
    CloseCheck {
        name: "fold",
        mark: fold::mark,
    },
    // After what has grey edges of its own.
    CloseCheck {
        name: "pigment",
        mark: dark_grains::mark,
    },
    CloseCheck {
        name: "focus",
        mark: focus::mark,
    },
];

/// Places where at least `share` of the pixels around are marked, `count` giving a block's in 1/255.
fn marked_share(look: &CloseLook<'_>, count: impl Fn(Block) -> u8, share: f32) -> Mask {
    let (blocks, tissue) = (look.blocks, look.tissue);
    let sum = |of: &dyn Fn(Block) -> f32| {
        square_sums(tissue.width(), tissue.height(), 1, |x, y| {
            let block = blocks.get(x, y);
            if block.pixels > 0 { of(block) } else { 0.0 }
        })
    };
    let marked = sum(&|block| f32::from(count(block)) / 255.0);
    let seen = sum(&|_| 1.0);
    let width = tissue.width() as usize;
    // 24 um across are judged together, and marks of a few pixels are chance.
    Mask::from_fn(tissue.width(), tissue.height(), |x, y| {
        let at = y as usize * width + x as usize;
        tissue.get(x, y) && blocks.get(x, y).pixels > 0 && marked[at] > share * seen[at]
    })
    .without_small(true, 6)
    .dilated(1)
    .and(tissue, true)
}

/// Sums over squares of half width `reach`, row by row; the outside counts as 0.
fn square_sums(width: u32, height: u32, reach: u32, value: impl Fn(u32, u32) -> f32) -> Vec<f32> {
    let (w, h, r) = (width as usize, height as usize, reach as usize);
    let mut rows = vec![0.0_f32; w * h];
    let mut line = vec![0.0_f32; w];
    for y in 0..h {
        for (x, slot) in line.iter_mut().enumerate() {
            *slot = value(x as u32, y as u32);
        }
        for x in 0..w {
            rows[y * w + x] = line[x.saturating_sub(r)..(x + r + 1).min(w)].iter().sum();
        }
    }
    let mut out = vec![0.0_f32; w * h];
    for y in 0..h {
        for from in y.saturating_sub(r)..(y + r + 1).min(h) {
            for x in 0..w {
                out[y * w + x] += rows[from * w + x];
            }
        }
    }
    out
}

/// What the checks marked.
#[derive(Debug, Clone)]
pub struct QualityMaps {
    /// Per check, the places it marked first.
    pub marked: Vec<(&'static str, Mask)>,
    /// Tissue that no check marked.
    pub usable: Mask,
}

impl QualityMaps {
    /// Runs all checks.
    pub fn judge(overview: &Overview, tissue: &Mask, deconvolver: &Deconvolver) -> Self {
        let mut usable = tissue.clone();
        let marked = CHECKS
            .iter()
            .map(|check| {
                let mask = (check.mark)(overview, tissue, deconvolver).and(&usable, true);
                usable = usable.and(&mask, false);
                (check.name, mask)
            })
            .collect();
        Self { marked, usable }
    }

    /// Runs the close checks on what the scoring pass saw, within what the first ones left.
    pub fn judge_closely(&mut self, overview: &Overview, blocks: &BlockMap, colours: &Deconvolver) {
        let none = Mask::filled(self.usable.width(), self.usable.height(), false);
        for check in &CLOSE_CHECKS {
            let dark = self.marked.iter().find(|(name, _)| *name == "pigment");
            let look = CloseLook {
                overview,
                blocks,
                tissue: &self.usable,
                dark: dark.map_or(&none, |(_, mask)| mask),
                colours,
            };
            let mask = (check.mark)(&look).and(&self.usable, true);
            self.usable = self.usable.and(&mask, false);
            match self.marked.iter_mut().find(|(name, _)| *name == check.name) {
                Some((_, known)) => *known = known.or(&mask),
                None => self.marked.push((check.name, mask)),
            }
        }
    }

    /// The area that each check marked, mm2.
    pub fn excluded_mm2(&self, overview: &Overview) -> BTreeMap<String, f64> {
        self.marked
            .iter()
            .map(|(name, mask)| {
                (
                    (*name).to_owned(),
                    mask.count() as f64 * overview.pixel_mm2(),
                )
            })
            .collect()
    }

    /// The check that marked a place, if any did.
    pub fn reason_at(&self, x: u32, y: u32) -> Option<&'static str> {
        self.marked
            .iter()
            .find(|(_, mask)| mask.get(x, y))
            .map(|(name, _)| *name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overview::tests::overview_from;
    use crate::stain::StainVectors;

    const SIDE: u32 = 80;

    fn is_marked(x: u32, y: u32) -> bool {
        (30..50).contains(&x) && (25..50).contains(&y)
    }

    /// Runs one check on tissue whose blocks and colours follow a rule over "within the artefact or not", and tells the shares found and lost.
    fn shares(
        name: &str,
        block_at: impl Fn(bool) -> Block,
        colour_at: impl Fn(bool) -> [u8; 3],
    ) -> (f64, f64) {
        let overview = overview_from(SIDE, SIDE, |x, y| colour_at(is_marked(x, y)));
        let mut blocks = BlockMap::new(SIDE, SIDE);
        for y in 0..SIDE {
            for x in 0..SIDE {
                blocks.put((x, y), block_at(is_marked(x, y)));
            }
        }
        let tissue = Mask::filled(SIDE, SIDE, true);
        let check = CLOSE_CHECKS
            .iter()
            .find(|check| check.name == name)
            .unwrap();
        let mask = (check.mark)(&CloseLook {
            overview: &overview,
            blocks: &blocks,
            tissue: &tissue,
            dark: &Mask::filled(SIDE, SIDE, false),
            colours: &Deconvolver::new(StainVectors::h_dab_default(), [245.0; 3]),
        });
        let truth = Mask::from_fn(SIDE, SIDE, is_marked);
        let found = mask.and(&truth, true).count() as f64 / truth.count() as f64;
        let lost = mask.and(&truth, false).count() as f64
            / (SIDE as usize * SIDE as usize - truth.count()) as f64;
        (found, lost)
    }

    fn sharp() -> Block {
        Block {
            pixels: 256,
            fine: 870,
            coarse: 2048,
            ..Block::default()
        }
    }

    const TISSUE: [u8; 3] = [176, 168, 210];

    #[test]
    fn each_close_check_finds_its_own() {
        let cases: [(&str, Block); 4] = [
            (
                "focus",
                Block {
                    fine: 640,
                    ..sharp()
                },
            ),
            (
                "red-cells",
                Block {
                    yellow: 150,
                    ..sharp()
                },
            ),
            (
                "pigment",
                Block {
                    dark: 60,
                    ..sharp()
                },
            ),
            (
                "fold",
                Block {
                    dark_blue: 12,
                    ..sharp()
                },
            ),
        ];
        for (name, block) in cases {
            let of = |within: bool| if within { block } else { sharp() };
            let (found, lost) = shares(name, of, |_| TISSUE);
            assert!(found > 0.9 && lost < 0.05, "{name}: {found} {lost}");
        }
    }

    #[test]
    fn a_grey_shadow_is_an_edge() {
        // Twice the light lost, the same in every channel.
        let shadow = TISSUE.map(|v| v / 2);
        let (found, lost) = shares(
            "bubble",
            |_| sharp(),
            |within| if within { shadow } else { TISSUE },
        );
        assert!(found > 0.9 && lost < 0.05, "{found} {lost}");
    }

    #[test]
    fn clumps_are_marked_and_strong_stain_all_over_is_not() {
        let clump = |clump: u8| Block { clump, ..sharp() };
        let (found, _) = shares(
            "precipitate",
            |within| clump(if within { 60 } else { 0 }),
            |_| TISSUE,
        );
        assert!(found > 0.9, "{found}");
        let (found, lost) = shares("precipitate", |_| clump(60), |_| TISSUE);
        assert!(found + lost < 1e-9);
    }

    #[test]
    fn clean_tissue_passes_every_check() {
        for check in &CLOSE_CHECKS {
            let (found, lost) = shares(check.name, |_| sharp(), |_| TISSUE);
            assert!(found + lost < 1e-9, "{}", check.name);
        }
    }

    #[test]
    fn a_block_survives_its_bytes() {
        let block = Block {
            pixels: 256,
            fine: 70,
            coarse: 60_001,
            dark: 3,
            dark_blue: 4,
            clump: 5,
            yellow: 255,
        };
        assert_eq!(Block::from_bytes(block.to_bytes()), block);
    }
}
