//! Detection on points: nuclei whose centres lie within a distance of each other.

use std::collections::{BTreeMap, VecDeque};

use pantrk_space::{Microns, MicronsPerPixel};

use super::{Labels, Ratio};

/// Places of nuclei, in um from the image's left top corner.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Points {
    um: Vec<[f64; 2]>,
}

impl Points {
    /// Points given in pixels; the centre of the first pixel is (0.5, 0.5).
    pub fn from_pixels(pixels: impl IntoIterator<Item = [f64; 2]>, mpp: MicronsPerPixel) -> Self {
        let scale = |p: [f64; 2]| p.map(|v| v * mpp.get());
        Self {
            um: pixels.into_iter().map(scale).collect(),
        }
    }

    /// Points given in um.
    pub const fn from_microns(um: Vec<[f64; 2]>) -> Self {
        Self { um }
    }

    /// The centroids of the instances, by rising label.
    pub fn centroids(labels: Labels<'_>, mpp: MicronsPerPixel) -> Self {
        let centroids = labels.centroids().into_values();
        Self::from_pixels(centroids, mpp)
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.um.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.um.is_empty()
    }

    /// All places, in um.
    pub fn as_microns(&self) -> &[[f64; 2]] {
        &self.um
    }
}

/// A metric of points.
#[derive(Debug, Clone, Copy)]
pub struct PointMetric {
    /// As a column of the tables.
    pub name: &'static str,
    /// What it says, for people.
    pub description: &'static str,
    /// From the number of matches, of predicted and of true points.
    pub ratio: fn(usize, usize, usize) -> Ratio,
}

/// All metrics of points, in the order of the columns.
pub const POINT_METRICS: [PointMetric; 3] = [
    PointMetric {
        name: "f1_points",
        description: "F1 of centres matched within the distance",
        ratio: |matches, predicted, truth| {
            Ratio::new(2.0 * matches as f64, (predicted + truth) as f64)
        },
    },
    PointMetric {
        name: "precision_points",
        description: "precision of centres matched within the distance",
        ratio: |matches, predicted, _| Ratio::new(matches as f64, predicted as f64),
    },
    PointMetric {
        name: "recall_points",
        description: "recall of centres matched within the distance",
        ratio: |matches, _, truth| Ratio::new(matches as f64, truth as f64),
    },
];

/// The largest one-to-one matching of points at most `within` apart, as places in `predicted` and `truth`, by the latter.
///
/// Pairing each point with its nearest would leave it to the order of the points how many are found; the largest matching does not.
pub fn matched_points(predicted: &Points, truth: &Points, within: Microns) -> Vec<[usize; 2]> {
    let grid = Grid::new(&predicted.um, within);
    let mut of_truth: Vec<Option<usize>> = vec![None; truth.len()];
    let mut of_predicted: Vec<Option<usize>> = vec![None; predicted.len()];
    // Where the search of a point came from, and for which point it was: so nothing is cleared between searches.
    let mut came_from: Vec<(usize, usize)> = vec![(usize::MAX, usize::MAX); predicted.len()];
    let mut queue = VecDeque::new();
    for start in 0..truth.len() {
        queue.clear();
        queue.push_back(start);
        let mut end = None;
        'search: while let Some(t) = queue.pop_front() {
            for p in grid.near(truth.um[t]) {
                if came_from[p].0 == start {
                    continue;
                }
                came_from[p] = (start, t);
                let Some(next) = of_predicted[p] else {
                    end = Some(p);
                    break 'search;
                };
                queue.push_back(next);
            }
        }
        // Every point on the way hands its partner on.
        while let Some(p) = end {
            let t = came_from[p].1;
            end = of_truth[t].replace(p);
            of_predicted[p] = Some(t);
        }
    }
    of_truth
        .into_iter()
        .enumerate()
        .filter_map(|(t, p)| p.map(|p| [p, t]))
        .collect()
}

/// Points in squares as wide as the distance, so that only nine squares are looked at.
struct Grid<'a> {
    points: &'a [[f64; 2]],
    squares: BTreeMap<[i64; 2], Vec<usize>>,
    within: f64,
}

impl<'a> Grid<'a> {
    fn new(points: &'a [[f64; 2]], within: Microns) -> Self {
        let within = within.get();
        let mut squares: BTreeMap<[i64; 2], Vec<usize>> = BTreeMap::new();
        for (i, &point) in points.iter().enumerate() {
            squares.entry(square(point, within)).or_default().push(i);
        }
        Self {
            points,
            squares,
            within,
        }
    }

    /// The points within the distance, the nearest first.
    fn near(&self, [x, y]: [f64; 2]) -> Vec<usize> {
        let [column, row] = square([x, y], self.within);
        let mut found: Vec<(f64, usize)> = (-1..=1)
            .flat_map(|dy| (-1..=1).map(move |dx| [column + dx, row + dy]))
            .filter_map(|key| self.squares.get(&key))
            .flatten()
            .map(|&i| ((self.points[i][0] - x).hypot(self.points[i][1] - y), i))
            .filter(|(distance, _)| *distance <= self.within)
            .collect();
        found.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        found.into_iter().map(|(_, i)| i).collect()
    }
}

fn square(point: [f64; 2], side: f64) -> [i64; 2] {
    // A distance of nothing still needs squares of some width.
    let side = side.max(1e-9);
    point.map(|v| (v / side).floor() as i64)
}
