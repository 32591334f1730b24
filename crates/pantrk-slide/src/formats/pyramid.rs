//! Which TIFF pages make a pyramid; shared by the formats whose levels are pages.

use pantrk_space::LevelSize;

use crate::error::Fault;
use crate::limits::Limits;
use crate::store::TileStore;
use crate::tiff::page::{TiffPage, is_tiled, size_of};
use crate::tiff::{Directory, TiffFile};

/// Whether `size` can be a level of a pyramid whose largest level is `size0`: smaller, and of the same shape but for rounding.
pub(super) fn is_reduction(size0: LevelSize, size: LevelSize) -> bool {
    if size.width >= size0.width || size.height > size0.height {
        return false;
    }
    let scale = f64::from(size.width) / f64::from(size0.width);
    let wanted = f64::from(size0.height) * scale;
    // Scanners cut or round up to a pixel or a few per level: one pixel, and one percent.
    (f64::from(size.height) - wanted).abs() <= 1.0 + 0.01 * wanted
}

/// The levels out of `pages`, the first of which is level 0; pages that are not reductions of it are left out.
///
/// A page of a size that is there already (a focal plane, a second scan) is left out too.
pub(super) fn levels(
    tiff: &TiffFile,
    pages: &[&Directory],
    limits: &Limits,
) -> Result<Vec<Box<dyn TileStore>>, Fault> {
    let mut stores: Vec<Box<dyn TileStore>> = Vec::new();
    for page in pages {
        let size = size_of(tiff, page)?;
        let size0 = stores.first().map(|store| store.size());
        let is_new = stores.iter().all(|store| store.size().width != size.width);
        if size0.is_none_or(|size0| is_reduction(size0, size) && is_new) {
            stores.push(Box::new(TiffPage::new(tiff, page, limits)?));
        }
    }
    stores.sort_by_key(|store| std::cmp::Reverse(store.size().width));
    Ok(stores)
}

/// The pages of a file whose pyramid is tiled and whose other pictures are striped.
pub(super) struct Pages<'a> {
    /// The first that is tiled.
    pub(super) first: &'a Directory,
    pub(super) tiled: Vec<&'a Directory>,
    /// With their places among all pages.
    pub(super) striped: Vec<(usize, &'a Directory)>,
}

/// Parts the tiled pages from the striped ones.
pub(super) fn parted(tiff: &TiffFile) -> Result<Pages<'_>, Fault> {
    let pages = tiff.pages.iter().enumerate();
    let (tiled, striped): (Vec<_>, Vec<_>) = pages.partition(|(_, page)| is_tiled(page));
    let tiled: Vec<&Directory> = tiled.into_iter().map(|(_, page)| page).collect();
    let first = tiled
        .first()
        .copied()
        .ok_or_else(|| Fault::Broken("no page is tiled".to_owned()))?;
    Ok(Pages {
        first,
        tiled,
        striped,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_forgiven_and_other_pictures_are_not() {
        let size = |width, height| LevelSize { width, height };
        let size0 = size(300, 250);
        for (w, h) in [(150, 125), (75, 62), (75, 63), (37, 31)] {
            assert!(is_reduction(size0, size(w, h)), "{w} x {h}");
        }
        for (w, h) in [(300, 250), (150, 150), (387, 463), (200, 100)] {
            assert!(!is_reduction(size0, size(w, h)), "{w} x {h}");
        }
    }
}
