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
#[derive(Debug, Default)]
pub struct Basins {
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
        labels.clear();
        labels.resize(levels.len(), 0);
        self.sort(levels);
        self.flood(levels, width, rules, labels);
        self.name(rules, labels)
    }

    /// A counting sort.
    fn sort(&mut self, levels: &[u16]) {
        let highest = levels.iter().copied().max().unwrap_or(0) as usize;
        self.places.clear();
        self.places.resize(highest + 1, 0);
        for &level in levels {
            self.places[level as usize] += 1;
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
        for (pixel, &level) in levels.iter().enumerate() {
            if level != 0 {
                let place = &mut self.places[level as usize];
                self.order[*place as usize] = pixel as u32;
                *place += 1;
            }
        }
    }

    fn flood(&mut self, levels: &[u16], width: usize, rules: BasinRules, labels: &mut [u32]) {
        let Self {
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
            let level = levels[pixel];
            let x = pixel % width;
            // Above, left, right, below; a place outside the image reads as background.
            let near = [
                (pixel >= width).then(|| pixel - width),
                (x > 0).then(|| pixel - 1),
                (x + 1 < width).then_some(pixel + 1),
                (pixel + width < levels.len()).then_some(pixel + width),
            ];
            let mut best = 0;
            let mut best_level = 0;
            let mut roots = [0; 4];
            for (place, root) in near.into_iter().zip(&mut roots) {
                let Some(place) = place else { continue };
                if labels[place] == 0 {
                    continue;
                }
                *root = root_of(basins, labels[place]);
                if levels[place] > best_level {
                    best_level = levels[place];
                    best = *root;
                }
            }
            if best == 0 {
                best = basins.len() as u32;
                basins.push(Basin {
                    parent: best,
                    peak: level,
                    area: 0,
                    name: 0,
                });
            }
            for root in roots {
                if root != 0 && root != best {
                    // An earlier neighbour may have joined it meanwhile.
                    let root = root_of(basins, root);
                    best = meet(basins, rules, level, best, root);
                }
            }
            basins[best as usize].area += 1;
            labels[pixel] = best;
        }
    }

    /// Drops what is no nucleus and renumbers the rest in raster order.
    fn name(&mut self, rules: BasinRules, labels: &mut [u32]) -> u32 {
        let basins = &mut self.found;
        let mut count = 0;
        for label in labels.iter_mut().filter(|label| **label != 0) {
            let root = root_of(basins, *label);
            let basin = &mut basins[root as usize];
            let kept = basin.peak >= rules.min_peak
                && (rules.min_area..=rules.max_area).contains(&basin.area);
            if kept && basin.name == 0 {
                count += 1;
                basin.name = count;
            }
            *label = if kept { basin.name } else { 0 };
        }
        count
    }
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
