//! All cells of a slide, as columns.

use super::BesideMembrane;
use crate::score::{Compartment, Thresholds};

/// In [`CellTable::fixed_grades`]: no grade was given by hand.
const NOT_FIXED: u8 = u8::MAX;

/// Why a cell is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ExcludedReason {
    /// Outside every region of class `Tumor`.
    OutsideTumour = 1,
    /// In a region that the pathologist left out.
    ExcludedRegion = 2,
    /// In a region of class `Control`.
    Control = 3,
    /// Where a quality check marked the slide: ink.
    Pen = 4,
    /// Where a quality check marked the slide: dark pigment.
    Pigment = 5,
    /// It touches pixels that could not be read.
    Unread = 6,
    /// Outside the tissue.
    OutsideTissue = 7,
    /// Where a quality check marked the slide: out of focus.
    Focus = 8,
    /// Where a quality check marked the slide: red cells or hemosiderin.
    RedCells = 9,
    /// Where a quality check marked the slide: DAB that fell out of solution.
    Precipitate = 10,
    /// Where a quality check marked the slide: tissue folded over itself.
    Fold = 11,
    /// Where a quality check marked the slide: a bubble, or the edge of the cover slip.
    Bubble = 12,
}

impl ExcludedReason {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::OutsideTumour,
        Self::ExcludedRegion,
        Self::Control,
        Self::Pen,
        Self::Pigment,
        Self::Unread,
        Self::OutsideTissue,
        Self::Focus,
        Self::RedCells,
        Self::Precipitate,
        Self::Fold,
        Self::Bubble,
    ];

    /// As in `result.json` and `cells.parquet`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OutsideTumour => "outside-tumour",
            Self::ExcludedRegion => "excluded-region",
            Self::Control => "control",
            Self::Pen => "pen",
            Self::Pigment => "pigment",
            Self::Unread => "unread",
            Self::OutsideTissue => "outside-tissue",
            Self::Focus => "focus",
            Self::RedCells => "red-cells",
            Self::Precipitate => "precipitate",
            Self::Fold => "fold",
            Self::Bubble => "bubble",
        }
    }

    /// Whether a quality check left the cell out.
    pub fn is_quality(self) -> bool {
        matches!(
            self,
            Self::Pen
                | Self::Pigment
                | Self::Focus
                | Self::RedCells
                | Self::Precipitate
                | Self::Fold
                | Self::Bubble
        )
    }

    /// The reason that belongs to a quality check's name.
    pub fn from_check(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// One row per cell; all columns are as long. DAB optical densities have the slide's background taken off.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CellTable {
    /// Centre of the nucleus, level-0 pixels.
    pub x_px: Vec<f64>,
    /// Centre of the nucleus, level-0 pixels.
    pub y_px: Vec<f64>,
    /// um2.
    pub nucleus_area_um2: Vec<f32>,
    /// um2.
    pub cell_area_um2: Vec<f32>,
    /// 0 to 1.
    pub circularity: Vec<f32>,
    /// Mean DAB OD per compartment, in the order of `Compartment::ALL`; NaN where a compartment has no pixels.
    pub dab_od: [Vec<f32>; 4],
    /// Mean hematoxylin OD.
    pub nucleus_hematoxylin_od: Vec<f32>,
    /// Standard deviation over mean of the hematoxylin OD within the nucleus; NaN where it is too small.
    pub nucleus_hematoxylin_cv: Vec<f32>,
    /// 0 to 1.
    pub membrane_completeness: Vec<f32>,
    /// Standard deviation over mean.
    pub cytoplasm_granularity: Vec<f32>,
    /// Where the cytoplasm stands to a stained membrane, until narrow ones are settled; then empty.
    pub beside_membrane: Vec<BesideMembrane>,
    /// 0 to 3 per compartment, in the order of `Compartment::ALL`.
    pub grades: [Vec<u8>; 4],
    /// The grade that a person read, `u8::MAX` for cells that nobody corrected; empty while there is none.
    ///
    /// It holds in the compartments where the cell is densest; the others keep theirs up to it. It does not move with the thresholds.
    pub fixed_grades: Vec<u8>,
    /// Why a cell is not counted; `None` for tumour cells.
    pub excluded: Vec<Option<ExcludedReason>>,
    /// Outline of the nucleus in level-0 pixels, where outlines were asked for; otherwise empty.
    pub contours: Vec<Vec<[f32; 2]>>,
}

impl CellTable {
    /// How many cells.
    pub fn len(&self) -> usize {
        self.x_px.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.x_px.is_empty()
    }

    /// Makes room for so many more cells, and no more than that.
    pub fn reserve(&mut self, more: usize) {
        self.x_px.reserve_exact(more);
        self.y_px.reserve_exact(more);
        let numbers = [
            &mut self.nucleus_area_um2,
            &mut self.cell_area_um2,
            &mut self.circularity,
            &mut self.nucleus_hematoxylin_od,
            &mut self.nucleus_hematoxylin_cv,
            &mut self.membrane_completeness,
            &mut self.cytoplasm_granularity,
        ];
        for column in numbers.into_iter().chain(&mut self.dab_od) {
            column.reserve_exact(more);
        }
        self.beside_membrane.reserve_exact(more);
        self.excluded.reserve_exact(more);
    }

    /// Moves all rows of `other` to the end of this table.
    pub fn append(&mut self, other: &mut Self) {
        self.x_px.append(&mut other.x_px);
        self.y_px.append(&mut other.y_px);
        self.nucleus_area_um2.append(&mut other.nucleus_area_um2);
        self.cell_area_um2.append(&mut other.cell_area_um2);
        self.circularity.append(&mut other.circularity);
        for (mine, theirs) in self.dab_od.iter_mut().zip(&mut other.dab_od) {
            mine.append(theirs);
        }
        self.nucleus_hematoxylin_od
            .append(&mut other.nucleus_hematoxylin_od);
        self.nucleus_hematoxylin_cv
            .append(&mut other.nucleus_hematoxylin_cv);
        self.membrane_completeness
            .append(&mut other.membrane_completeness);
        self.cytoplasm_granularity
            .append(&mut other.cytoplasm_granularity);
        self.beside_membrane.append(&mut other.beside_membrane);
        for (mine, theirs) in self.grades.iter_mut().zip(&mut other.grades) {
            mine.append(theirs);
        }
        self.fixed_grades.append(&mut other.fixed_grades);
        self.excluded.append(&mut other.excluded);
        self.contours.append(&mut other.contours);
    }

    /// Whether a cell counts as a tumour cell.
    pub fn is_tumour(&self, cell: usize) -> bool {
        self.excluded.get(cell).is_some_and(Option::is_none)
    }

    /// The highest grade of any compartment.
    pub fn grade_any(&self, cell: usize) -> u8 {
        self.grades
            .iter()
            .filter_map(|column| column.get(cell).copied())
            .max()
            .unwrap_or(0)
    }

    /// Grades every cell anew from its optical densities.
    pub fn regrade(&mut self, thresholds: Thresholds) {
        for (grades, ods) in self.grades.iter_mut().zip(&self.dab_od) {
            grades.clear();
            grades.extend(ods.iter().map(|&od| thresholds.grade(od)));
        }
        for cell in 0..self.fixed_grades.len() {
            if self.fixed_grades[cell] != NOT_FIXED {
                let read = self.grades_at(cell, thresholds);
                for (grades, grade) in self.grades.iter_mut().zip(read) {
                    grades[cell] = grade;
                }
            }
        }
    }

    /// Whether a person graded the cell.
    pub(crate) fn is_fixed(&self, cell: usize) -> bool {
        self.fixed_grades.get(cell).is_some_and(|&g| g != NOT_FIXED)
    }

    /// A cell's grade per compartment, in the order of `Compartment::ALL`: by its densities, or as a person read it.
    pub(crate) fn grades_at(&self, cell: usize, thresholds: Thresholds) -> [u8; 4] {
        let od = self.dab_od.each_ref().map(|column| column[cell]);
        let measured = od.map(|od| thresholds.grade(od));
        let fixed = self.fixed_grades.get(cell).copied().unwrap_or(NOT_FIXED);
        if fixed == NOT_FIXED {
            return measured;
        }
        // `f32::max` passes over NaN.
        let top = od.into_iter().fold(f32::NAN, f32::max);
        std::array::from_fn(|k| {
            // Without any density the grade is the cytoplasm's.
            let leads = od[k] >= top || (top.is_nan() && k == Compartment::Cytoplasm as usize);
            if leads { fixed } else { measured[k].min(fixed) }
        })
    }
}
