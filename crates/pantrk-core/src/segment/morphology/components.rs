//! Connected components of a mask by runs and union-find, and the holes of a mask.

/// Consecutive pixels of one row that are set; flat indices, `end` is one past the last.
#[derive(Debug, Clone, Copy)]
struct Run {
    start: u32,
    end: u32,
}

/// Buffers for connected components.
#[derive(Debug, Default)]
pub struct Components {
    runs: Vec<Run>,
    /// Per run, a run of the same component with a lower or equal index.
    parents: Vec<u32>,
    /// Per run that is its own parent: the component's label.
    names: Vec<u32>,
}

impl Components {
    /// Labels the components of the pixels where `mask` is not 0, 1 to the returned count in raster order of their first pixel; all other pixels become 0.
    ///
    /// `width` is above zero; `labels` is made as long as `mask`.
    pub fn label(&mut self, mask: &[u8], width: usize, labels: &mut Vec<u32>) -> u32 {
        labels.clear();
        labels.resize(mask.len(), 0);
        self.find(mask, width, 1);
        self.names.clear();
        self.names.resize(self.runs.len(), 0);
        let mut count = 0;
        for index in 0..self.runs.len() {
            let root = root_of(&mut self.parents, index as u32) as usize;
            // A root is its component's first run, so labels rise in raster order.
            if root == index {
                count += 1;
                self.names[index] = count;
            }
            let run = self.runs[index];
            labels[run.start as usize..run.end as usize].fill(self.names[root]);
        }
        count
    }

    /// Finds the runs of pixels that are set (`wanted` 1) or not (0) and joins those that touch.
    fn find(&mut self, mask: &[u8], width: usize, wanted: u8) {
        self.runs.clear();
        self.parents.clear();
        let mut above = 0..0;
        for (y, row) in mask.chunks_exact(width).enumerate() {
            let first = self.runs.len();
            let offset = y * width;
            let is_wanted = |&value: &u8| u8::from(value != 0) == wanted;
            let mut x = 0;
            while let Some(skip) = row[x..].iter().position(is_wanted) {
                let start = x + skip;
                let length = row[start..]
                    .iter()
                    .position(|value| !is_wanted(value))
                    .unwrap_or(width - start);
                x = start + length;
                self.parents.push(self.runs.len() as u32);
                self.runs.push(Run {
                    start: (offset + start) as u32,
                    end: (offset + x) as u32,
                });
            }
            self.join(above, first, width as u32);
            above = first..self.runs.len();
        }
    }

    /// Joins the last row's runs, from `first` on, with those of the row above that they touch.
    fn join(&mut self, above: std::ops::Range<usize>, first: usize, width: u32) {
        let mut upper = above.start;
        for lower in first..self.runs.len() {
            let run = self.runs[lower];
            while upper < above.end && self.runs[upper].end + width <= run.start {
                upper += 1;
            }
            let mut other = upper;
            while other < above.end && self.runs[other].start + width < run.end {
                unite(&mut self.parents, other as u32, lower as u32);
                other += 1;
            }
        }
    }
}

/// The root of `index`, halving the path on the way.
fn root_of(parents: &mut [u32], mut index: u32) -> u32 {
    while parents[index as usize] != index {
        let above = parents[parents[index as usize] as usize];
        parents[index as usize] = above;
        index = above;
    }
    index
}

/// Joins two components; the lower root stays.
fn unite(parents: &mut [u32], a: u32, b: u32) {
    let a = root_of(parents, a);
    let b = root_of(parents, b);
    parents[a.max(b) as usize] = a.min(b);
}

/// Buffers for filling holes.
#[derive(Debug, Default)]
pub struct Holes {
    components: Components,
    /// Per run that is its own parent: pixels, or `u32::MAX` if the component reaches the edge.
    areas: Vec<u32>,
}

impl Holes {
    /// Sets to 1 every background component of at most `largest` pixels that does not reach the image's edge.
    ///
    /// A component at the edge may go on outside, where it may be no hole.
    pub fn fill(&mut self, mask: &mut [u8], width: usize, largest: u32) {
        if largest == 0 {
            return;
        }
        let Self { components, areas } = self;
        components.find(mask, width, 0);
        areas.clear();
        areas.resize(components.runs.len(), 0);
        let length = mask.len() as u32;
        let width = width as u32;
        for index in 0..components.runs.len() {
            let root = root_of(&mut components.parents, index as u32) as usize;
            let Run { start, end } = components.runs[index];
            let at_edge =
                start < width || end > length - width || start % width == 0 || end % width == 0;
            areas[root] = if at_edge {
                u32::MAX
            } else {
                areas[root].saturating_add(end - start)
            };
        }
        for (index, run) in components.runs.iter().enumerate() {
            let root = root_of(&mut components.parents, index as u32) as usize;
            if areas[root] <= largest {
                mask[run.start as usize..run.end as usize].fill(1);
            }
        }
    }
}
