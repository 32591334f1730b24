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

use rayon::prelude::*;

use crate::overview::{Mask, Overview, OverviewGrid};
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
///
/// A place of its own share takes its neighbours along, and no more than those.
fn marked_share(look: &CloseLook<'_>, count: impl Fn(Block) -> u8, share: f32) -> Mask {
    let (blocks, tissue) = (look.blocks, look.tissue);
    // 24 um across are judged together, and marks of a few pixels are chance.
    let squares = Squares {
        width: tissue.width(),
        height: tissue.height(),
        reach: 1,
    };
    let marked = |x: u32, y: u32| f32::from(count(blocks.get(x, y))) / 255.0;
    let seen = |x: u32, y: u32| blocks.get(x, y).pixels > 0;
    let own = Mask::from_fn(tissue.width(), tissue.height(), |x, y| {
        seen(x, y) && marked(x, y) > share
    });
    squares
        .mask(
            |x, y| {
                if seen(x, y) {
                    [marked(x, y), 1.0]
                } else {
                    [0.0; 2]
                }
            },
            |x, y, [marked, all]| marked > share * all && tissue.get(x, y) && seen(x, y),
        )
        .without_small(true, 6)
        .dilated(1)
        .and(&own.dilated(1), true)
        .and(tissue, true)
}

/// Sums over the squares around pixels; the outside counts as 0.
///
/// Few lines are held at a time: a large slide has ten million overview pixels.
#[derive(Debug, Clone, Copy)]
struct Squares {
    width: u32,
    height: u32,
    /// Half a side.
    reach: u32,
}

impl Squares {
    /// The places whose sums satisfy a rule.
    fn mask<const N: usize>(
        self,
        value: impl Fn(u32, u32) -> [f32; N],
        rule: impl Fn(u32, u32, [f32; N]) -> bool,
    ) -> Mask {
        let mut lines = Lines::new(self, value);
        Mask::from_fn(self.width, self.height, |x, y| {
            if x == 0 {
                lines.sum_row(y);
            }
            rule(x, y, lines.at(x))
        })
    }

    /// Calls `visit` with each place and its sums, row by row.
    fn each<const N: usize>(
        self,
        value: impl Fn(u32, u32) -> [f32; N],
        mut visit: impl FnMut(u32, u32, [f32; N]),
    ) {
        let mut lines = Lines::new(self, value);
        for y in 0..self.height {
            lines.sum_row(y);
            for x in 0..self.width {
                visit(x, y, lines.at(x));
            }
        }
    }
}

/// The sums of one row, and of the lines that the next ones need.
struct Lines<const N: usize, F> {
    squares: Squares,
    value: F,
    /// Sums along x of the last rows, in turn.
    along: Vec<Vec<[f32; N]>>,
    /// Rows that have been summed along x.
    done: u32,
    line: Vec<[f32; N]>,
    sums: Vec<[f32; N]>,
}

impl<const N: usize, F: Fn(u32, u32) -> [f32; N]> Lines<N, F> {
    fn new(squares: Squares, value: F) -> Self {
        let empty = vec![[0.0; N]; squares.width as usize];
        Self {
            squares,
            value,
            along: vec![empty.clone(); 2 * squares.reach as usize + 1],
            done: 0,
            line: empty.clone(),
            sums: empty,
        }
    }

    /// Rows are asked for in turn.
    fn sum_row(&mut self, y: u32) {
        let reach = self.squares.reach;
        let end = (y + reach + 1).min(self.squares.height);
        while self.done < end {
            self.sum_along(self.done);
            self.done += 1;
        }
        self.sums.fill([0.0; N]);
        for from in y.saturating_sub(reach)..end {
            let along = &self.along[from as usize % self.along.len()];
            for (sums, row) in self.sums.iter_mut().zip(along) {
                for (sum, value) in sums.iter_mut().zip(row) {
                    *sum += value;
                }
            }
        }
    }

    fn sum_along(&mut self, y: u32) {
        for (x, slot) in (0..).zip(&mut self.line) {
            *slot = (self.value)(x, y);
        }
        let (w, r) = (self.line.len(), self.squares.reach as usize);
        let turn = y as usize % self.along.len();
        for (x, out) in self.along[turn].iter_mut().enumerate() {
            *out = [0.0; N];
            for values in &self.line[x.saturating_sub(r)..(x + r + 1).min(w)] {
                for (sum, value) in out.iter_mut().zip(values) {
                    *sum += value;
                }
            }
        }
    }

    fn at(&self, x: u32) -> [f32; N] {
        self.sums[x as usize]
    }
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
        // None looks at what another marked, so they look side by side.
        let marks: Vec<Mask> = CHECKS
            .par_iter()
            .map(|check| (check.mark)(overview, tissue, deconvolver))
            .collect();
        let mut usable = tissue.clone();
        let marked = CHECKS
            .iter()
            .zip(marks)
            .map(|(check, mark)| {
                let mask = mark.and(&usable, true);
                usable = usable.and(&mask, false);
                (check.name, mask)
            })
            .collect();
        Self { marked, usable }
    }

    /// The places of which the close checks want to know what the scoring pass saw: tissue, and one pixel around it.
    pub fn looked_at(&self) -> Mask {
        self.usable.dilated(1)
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
    pub fn excluded_mm2(&self, grid: OverviewGrid) -> BTreeMap<String, f64> {
        self.marked
            .iter()
            .map(|(name, mask)| ((*name).to_owned(), mask.count() as f64 * grid.pixel_mm2()))
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
        let mut blocks = BlockMap::over(&Mask::filled(SIDE, SIDE, true));
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

    /// A close check on tissue of one's own making: which blocks, which colours.
    fn marked_by(
        name: &str,
        block_at: impl Fn(u32, u32) -> Block,
        colour_at: impl Fn(u32, u32) -> [u8; 3],
    ) -> Mask {
        let overview = overview_from(SIDE, SIDE, colour_at);
        let mut blocks = BlockMap::over(&Mask::filled(SIDE, SIDE, true));
        for y in 0..SIDE {
            for x in 0..SIDE {
                blocks.put((x, y), block_at(x, y));
            }
        }
        let check = CLOSE_CHECKS.iter().find(|c| c.name == name).unwrap();
        (check.mark)(&CloseLook {
            overview: &overview,
            blocks: &blocks,
            tissue: &Mask::filled(SIDE, SIDE, true),
            dark: &Mask::filled(SIDE, SIDE, false),
            colours: &Deconvolver::new(StainVectors::h_dab_default(), [245.0; 3]),
        })
    }

    /// Tissue of some unevenness, darker by a factor where it is folded: pale where nothing else is.
    fn uneven(x: u32, y: u32) -> [u8; 3] {
        TISSUE.map(|v| v + ((x * 7 + y * 13) % 5) as u8)
    }

    #[test]
    fn a_fold_is_followed_from_its_clear_part_into_its_faint_one() {
        // Two creases four pixels apart, clear above and fading downwards.
        let crease = |x: u32, y: u32| (30..32).contains(&x) || (36..38).contains(&x) && y >= 10;
        let grey = |y: u32| if y < 40 { 0.55 } else { 0.82 };
        let folded = |x: u32, y: u32| {
            let tissue = uneven(x, y);
            if crease(x, y) && (10..70).contains(&y) {
                tissue.map(|v| (f64::from(v) * grey(y)) as u8)
            } else {
                tissue
            }
        };
        let found = marked_by("fold", |_, _| sharp(), folded);
        for y in [15, 30, 45, 60] {
            assert!(found.get(31, y) && found.get(37, y), "crease at {y}");
            assert!(found.get(34, y), "between the creases at {y}");
        }
        assert!(!found.get(20, 30) && !found.get(50, 30));
        // As faint all along there is nothing to begin from.
        let faint = |x: u32, y: u32| {
            let tissue = uneven(x, y);
            if crease(x, y) {
                tissue.map(|v| (f64::from(v) * 0.82) as u8)
            } else {
                tissue
            }
        };
        assert_eq!(marked_by("fold", |_, _| sharp(), faint).count(), 0);
    }

    #[test]
    fn granular_stain_makes_no_smooth_tissue_look_unsharp_and_blur_is_still_found_in_both() {
        let stained = |x: u32| x < SIDE / 2;
        let brown = [150, 105, 88];
        let blurred = |x: u32, y: u32| (10..20).contains(&(x % (SIDE / 2))) && y < 30;
        let found = marked_by(
            "focus",
            |x, y| {
                let usual = if stained(x) { 1300 } else { 870 };
                let fine = if blurred(x, y) { usual * 7 / 10 } else { usual };
                Block { fine, ..sharp() }
            },
            |x, _| if stained(x) { brown } else { TISSUE },
        );
        let smooth = Mask::from_fn(SIDE, SIDE, |x, y| !blurred(x, y) && y > 34);
        assert_eq!(found.and(&smooth, true).count(), 0);
        assert!(found.get(15, 10) && found.get(15 + SIDE / 2, 10));
    }

    #[test]
    fn a_mark_takes_its_neighbours_along_and_no_more() {
        let found = marked_by(
            "pigment",
            |x, _| Block {
                dark: if (40..44).contains(&x) { 120 } else { 0 },
                ..sharp()
            },
            |_, _| TISSUE,
        );
        let columns: Vec<u32> = (0..SIDE).filter(|&x| found.get(x, 40)).collect();
        assert_eq!(columns, (39..45).collect::<Vec<_>>());
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
    fn sums_of_squares_are_those_of_their_definition() {
        let value = |x: u32, y: u32| [((x * 7 + y * 13) % 11) as f32, 1.0];
        for (width, height, reach) in [(1, 1, 2), (7, 3, 1), (9, 12, 2), (20, 2, 3)] {
            let squares = Squares {
                width,
                height,
                reach,
            };
            let mut seen = 0;
            squares.each(value, |x, y, sums| {
                let rows = y.saturating_sub(reach)..(y + reach + 1).min(height);
                let wanted = rows
                    .flat_map(|v| {
                        (x.saturating_sub(reach)..(x + reach + 1).min(width)).map(move |u| (u, v))
                    })
                    .map(|(u, v)| value(u, v))
                    .fold([0.0; 2], |[a, b], [c, d]| [a + c, b + d]);
                assert_eq!(sums.map(f32::to_bits), wanted.map(f32::to_bits));
                seen += 1;
            });
            assert_eq!(seen, width * height);
            let mask = squares.mask(value, |_, _, [sum, _]| sum > 20.0);
            squares.each(value, |x, y, [sum, _]| {
                assert_eq!(mask.get(x, y), sum > 20.0);
            });
        }
    }

    #[test]
    fn a_map_over_a_mask_holds_what_lies_in_it() {
        let mask = Mask::from_fn(70, 9, |x, y| (x * 5 + y * 3) % 7 < 3);
        let mut map = BlockMap::over(&mask);
        let block = |x: u32, y: u32| Block {
            pixels: 1,
            fine: (x * 100 + y) as u16,
            ..Block::default()
        };
        for y in 0..10 {
            for x in 0..71 {
                map.put((x, y), block(x, y));
            }
        }
        for y in 0..10 {
            for x in 0..71 {
                let wanted = if mask.get(x, y) {
                    block(x, y)
                } else {
                    Block::default()
                };
                assert_eq!(map.get(x, y), wanted, "{x} {y}");
            }
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
