//! The outlines of cells in view, as data: found again field by field, and kept as long as there is room.

use std::collections::BTreeMap;

use pantrk_space::{SlidePoint, SlideRect};

/// Fields that are kept; one holds some hundred cells, 50 to 100 KiB.
const MOST_FIELDS: usize = 160;

/// A field, by its column and row from the slide's origin.
pub(crate) type Field = (u32, u32);

/// A cell's outlines: closed rings, level-0 pixels from the centre that the layer has of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outlined {
    /// The cell's place in the layer.
    pub(crate) place: usize,
    /// Around the nucleus.
    pub(crate) nucleus: Vec<[f32; 2]>,
    /// Around the cell.
    pub(crate) cell: Vec<[f32; 2]>,
}

/// The outlines of a slide's cells, as far as they were looked for.
#[derive(Debug, Default)]
pub(crate) struct Outlines {
    /// Whether there is something that finds them.
    pub(crate) possible: bool,
    /// The size of a field, level-0 pixels, once it is known.
    pub(crate) field_size: Option<(f64, f64)>,
    /// By field, the cells by their place.
    fields: BTreeMap<Field, Vec<Outlined>>,
    /// Fields in view that are not there, the most wanted first.
    pub(crate) wanted: Vec<Field>,
    /// Whether the worker is at work for this slide.
    pub(crate) working: bool,
    /// Whether the view was near enough to ask for any.
    pub(crate) asked: bool,
}

impl Outlines {
    /// None yet; `possible` where there is something that finds them.
    pub(crate) fn new(possible: bool) -> Self {
        Self {
            possible,
            ..Self::default()
        }
    }

    /// Whether none is on its way or about to be asked for.
    pub(crate) fn is_settled(&self) -> bool {
        let all = self.field_size.is_some() && !self.working && self.wanted.is_empty();
        all || !self.possible || !self.asked
    }

    /// The field of a point.
    fn field_of(&self, at: SlidePoint) -> Option<Field> {
        let (width, height) = self.field_size?;
        let along = |v: f64, size: f64| (v >= 0.0).then_some((v / size) as u32);
        Some((along(at.x, width)?, along(at.y, height)?))
    }

    /// The outlines of the cell at a place of the layer, whose centre is `at`.
    pub(crate) fn of(&self, place: usize, at: SlidePoint) -> Option<&Outlined> {
        let cells = self.fields.get(&self.field_of(at)?)?;
        let found = cells.binary_search_by_key(&place, |cell| cell.place);
        cells.get(found.ok()?)
    }

    /// The fields of an area that are not there, those nearest to its middle first.
    pub(crate) fn missing(&self, area: SlideRect) -> Vec<Field> {
        let Some((width, height)) = self.field_size else {
            return Vec::new();
        };
        let along = |from: f64, length: f64, size: f64| {
            let first = (from / size).floor().max(0.0) as u32;
            first..((from + length) / size).ceil().max(0.0) as u32
        };
        let columns = along(area.x, area.width, width);
        let mut fields: Vec<Field> = along(area.y, area.height, height)
            .flat_map(|row| columns.clone().map(move |column| (column, row)))
            .filter(|field| !self.fields.contains_key(field))
            .collect();
        let away = |&(column, row): &Field| {
            let x = (f64::from(column) + 0.5) * width - area.x - area.width / 2.0;
            let y = (f64::from(row) + 0.5) * height - area.y - area.height / 2.0;
            x.hypot(y)
        };
        fields.sort_by(|a, b| away(a).total_cmp(&away(b)));
        fields
    }

    /// Takes a field; where there are too many, the one farthest from it goes.
    pub(crate) fn take(&mut self, field: Field, mut cells: Vec<Outlined>) {
        cells.sort_by_key(|cell| cell.place);
        self.wanted.retain(|wanted| *wanted != field);
        self.fields.insert(field, cells);
        while self.fields.len() > MOST_FIELDS {
            let away = |other: &Field| other.0.abs_diff(field.0).max(other.1.abs_diff(field.1));
            let Some(goes) = self.fields.keys().copied().max_by_key(away) else {
                return;
            };
            self.fields.remove(&goes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(place: usize) -> Outlined {
        Outlined {
            place,
            nucleus: vec![[1.0, 2.0]],
            cell: Vec::new(),
        }
    }

    #[test]
    fn a_cell_is_found_in_its_field_and_what_is_missing_is_known() {
        let mut outlines = Outlines {
            field_size: Some((100.0, 100.0)),
            ..Outlines::default()
        };
        outlines.take((1, 0), vec![cell(9), cell(3)]);
        let at = |x, y| SlidePoint { x, y };
        assert_eq!(outlines.of(3, at(150.0, 20.0)), Some(&cell(3)));
        assert_eq!(outlines.of(3, at(50.0, 20.0)), None);
        assert_eq!(outlines.of(4, at(150.0, 20.0)), None);
        assert_eq!(outlines.of(4, at(-1.0, 20.0)), None);
        let area = SlideRect {
            x: -20.0,
            y: 10.0,
            width: 240.0,
            height: 80.0,
        };
        let missing = outlines.missing(area);
        assert_eq!(missing.len(), 2, "{missing:?}");
        assert!(missing.contains(&(0, 0)) && missing.contains(&(2, 0)));
    }

    #[test]
    fn what_lies_farthest_goes() {
        let mut outlines = Outlines {
            field_size: Some((1.0, 1.0)),
            ..Outlines::default()
        };
        for column in 0..=MOST_FIELDS as u32 {
            outlines.take((column, 0), Vec::new());
        }
        assert_eq!(outlines.fields.len(), MOST_FIELDS);
        assert!(!outlines.fields.contains_key(&(0, 0)));
    }
}
