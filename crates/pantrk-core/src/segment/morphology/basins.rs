//! Splits a relief into basins: a seeded watershed whose seeds are the relief's own peaks.
//!
//! Pixels are taken from the highest level down, sorted into buckets once, so no queue grows while the flood runs.
//! A pixel without a labelled neighbour is a new peak; where two basins meet, the lower peak gives way if it is not high enough to be a seed or does not rise far enough above the pass between them (an h-maxima rule), otherwise the border stays.
//! That is seeding, merging of false peaks and flooding in one walk.

/// When a basin is one of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BasinRules {
    /// A peak below this level is no seed.
    pub min_peak: u16,
    /// A peak that rises less than this above the pass to a higher one is part of that one.
    pub min_depth: u16,
    /// Smaller basins are dropped, in pixels.
    pub min_area: u32,
    /// Larger basins are dropped, in pixels.
    pub max_area: u32,
}

/// One basin while the flood runs.
#[derive(Debug, Clone, Copy)]
struct Basin {
    /// Itself, or the basin it was joined to.
    parent: u32,
    peak: u16,
    area: u32,
    /// Its label in the result; 0 before its first pixel is met.
    name: u32,
}

/// Buffers for splitting reliefs.
///
/// The flood works on copies with a border of background: one row above and below and one column at the right, which is also what lies left of the next row.
/// So each pixel has four neighbours, and nothing asks where the image ends.
#[derive(Debug, Default)]
pub struct Basins {
    /// The relief with its border.
    levels: Vec<u16>,
    /// Per pixel with the border: a basin, or 0 before the flood is there.
    labels: Vec<u32>,
    /// Per level, where its next pixel goes in `order`.
    places: Vec<u32>,
    /// Pixels above level 0, the highest first, in raster order within a level.
    order: Vec<u32>,
    /// All basins met so far; index 0 is the background.
    found: Vec<Basin>,
}

impl Basins {
    /// Labels the basins of `levels`, 1 to the returned count in raster order of their first pixel; level 0 is background.
    ///
    /// `width` is above zero; `labels` is made as long as `levels`.
    pub fn split(
        &mut self,
        levels: &[u16],
        width: usize,
        rules: BasinRules,
        labels: &mut Vec<u32>,
    ) -> u32 {
        let stride = width + 1;
        self.levels.clear();
        self.levels.resize(stride, 0);
        for row in levels.chunks_exact(width) {
            self.levels.extend_from_slice(row);
            self.levels.push(0);
        }
        self.levels.resize(self.levels.len() + stride, 0);
        self.labels.clear();
        self.labels.resize(self.levels.len(), 0);
        self.sort();
        self.flood(stride, rules);
        self.name(stride, rules, labels)
    }

    /// A counting sort.
    fn sort(&mut self) {
        let highest = self.levels.iter().copied().max().unwrap_or(0) as usize;
        self.places.clear();
        self.places.resize(highest + 1, 0);
        for (_, part) in with_levels(&self.levels) {
            for &level in part {
                self.places[level as usize] += 1;
            }
        }
        self.places[0] = 0;
        let mut place = 0;
        for count in self.places.iter_mut().rev() {
            let start = place;
            place += *count;
            *count = start;
        }
        self.order.clear();
        self.order.resize(place as usize, 0);
        for (first, part) in with_levels(&self.levels) {
            for (pixel, &level) in (first..).zip(part) {
                if level != 0 {
                    let place = &mut self.places[level as usize];
                    self.order[*place as usize] = pixel;
                    *place += 1;
                }
            }
        }
    }

    fn flood(&mut self, stride: usize, rules: BasinRules) {
        let Self {
            levels,
            labels,
            order,
            found: basins,
            ..
        } = self;
        basins.clear();
        basins.push(Basin {
            parent: 0,
            peak: 0,
            area: 0,
            name: 0,
        });
        for &pixel in order.iter() {
            let pixel = pixel as usize;
            // Above, left, right, below.
            let near = [
                pixel.wrapping_sub(stride),
                pixel.wrapping_sub(1),
                pixel.wrapping_add(1),
                pixel.wrapping_add(stride),
            ];
            // Written out: `map` and `fold` would be called for each pixel.
            let names = [
                labels[near[0]],
                labels[near[1]],
                labels[near[2]],
                labels[near[3]],
            ];
            let any = names[0].max(names[1]).max(names[2].max(names[3]));
            // One less than the least name, where there is one: 0 becomes the largest number.
            let least = (names[0].wrapping_sub(1).min(names[1].wrapping_sub(1)))
                .min(names[2].wrapping_sub(1).min(names[3].wrapping_sub(1)));
            let basin = if any == 0 {
                let basin = basins.len() as u32;
                basins.push(Basin {
                    parent: basin,
                    peak: levels[pixel],
                    area: 0,
                    name: 0,
                });
                basin
            } else if least == any.wrapping_sub(1) {
                root_of(basins, any)
            } else {
                let heights = [
                    levels[near[0]],
                    levels[near[1]],
                    levels[near[2]],
                    levels[near[3]],
                ];
                join(basins, rules, levels[pixel], names, heights)
            };
            let area = &mut basins[basin as usize].area;
            *area = area.wrapping_add(1);
            labels[pixel] = basin;
        }
    }

    /// Drops what is no nucleus and numbers the rest in raster order.
    fn name(&mut self, stride: usize, rules: BasinRules, labels: &mut Vec<u32>) -> u32 {
        let basins = &mut self.found;
        for basin in 0..basins.len() as u32 {
            // Joined basins take their area along, so only roots are asked.
            let root = root_of(basins, basin);
            basins[basin as usize].parent = root;
        }
        let mut count = 0;
        labels.clear();
        let rows = self.labels.len() / stride;
        // The last pixel's basin and its name: the next one's is mostly the same.
        let (mut last, mut name) = (0, 0);
        for row in self.labels.chunks_exact(stride).take(rows - 1).skip(1) {
            labels.extend(row[..stride - 1].iter().map(|&label| {
                if label == last {
                    return name;
                }
                last = label;
                if label == 0 {
                    name = 0;
                    return name;
                }
                let root = basins[label as usize].parent;
                let basin = &mut basins[root as usize];
                let kept = basin.peak >= rules.min_peak
                    && (rules.min_area..=rules.max_area).contains(&basin.area);
                if kept && basin.name == 0 {
                    count += 1;
                    basin.name = count;
                }
                name = basin.name;
                name
            }));
        }
        count
    }
}

/// The parts of a relief that are not all background, each with its first pixel.
fn with_levels(levels: &[u16]) -> impl Iterator<Item = (u32, &[u16])> {
    /// As many as one comparison takes.
    const PART: usize = 8;
    let parts = (0_u32..).step_by(PART).zip(levels.chunks(PART));
    parts.filter(|(_, part)| part.iter().fold(0, |all, &level| all | level) != 0)
}

/// The basin of a pixel whose neighbours bear several names (0 for none): that of the highest one, joined with those that the rules do not keep apart.
fn join(
    basins: &mut [Basin],
    rules: BasinRules,
    level: u16,
    names: [u32; 4],
    heights: [u16; 4],
) -> u32 {
    let mut best = 0;
    let mut best_height = 0;
    for (&name, &height) in names.iter().zip(&heights) {
        if name != 0 && height > best_height {
            best_height = height;
            best = name;
        }
    }
    let mut best = root_of(basins, best);
    for name in names {
        if name != 0 {
            // An earlier neighbour may have joined it meanwhile.
            let other = root_of(basins, name);
            best = meet(basins, rules, level, best, other);
        }
    }
    best
}

/// Two basins meet at a pass of `level`: joins them or not, and returns the one that the pixel falls to.
fn meet(basins: &mut [Basin], rules: BasinRules, level: u16, best: u32, other: u32) -> u32 {
    if best == other {
        return best;
    }
    let (a, b) = (basins[best as usize], basins[other as usize]);
    // Of equal peaks the one found first stays: basins are numbered in the order of the flood.
    let (high, low) = if (a.peak, other) > (b.peak, best) {
        (best, other)
    } else {
        (other, best)
    };
    let lower = basins[low as usize];
    if lower.peak >= rules.min_peak && lower.peak - level >= rules.min_depth {
        return best;
    }
    basins[low as usize].parent = high;
    basins[high as usize].area += lower.area;
    high
}

/// The root of `index`, halving the path on the way.
fn root_of(basins: &mut [Basin], mut index: u32) -> u32 {
    loop {
        let parent = basins[index as usize].parent;
        if parent == index {
            return index;
        }
        let above = basins[parent as usize].parent;
        basins[index as usize].parent = above;
        index = above;
    }
}
