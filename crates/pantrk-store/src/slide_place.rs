//! Which folder of a results folder is a slide's, where several slides are of one name.

use std::path::Path;

use crate::folder::MAX_ID_BYTES;
use crate::{SlideResult, slide_id_from_path};

/// Slides of one name in one results folder; with more, something else is wrong.
const MOST: usize = 10_000;

/// Where a slide's result is in a results folder, or may be put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlidePlace {
    /// Under this id lies its result.
    Scored(String),
    /// It has none; under this id lies nothing of another slide.
    Free(String),
}

impl SlidePlace {
    /// The id, whatever lies there.
    pub fn id(&self) -> &str {
        match self {
            Self::Scored(id) | Self::Free(id) => id,
        }
    }
}

/// The slide's place in `out`: the name of its file, and a number behind it where that is the folder of another slide. `is_of` tells whether a result, with its folder, is the slide's.
///
/// A result that cannot be read is taken for another's, so that it is not lost.
pub fn slide_place(
    out: &Path,
    slide: &Path,
    is_of: impl Fn(&Path, &SlideResult) -> bool,
) -> SlidePlace {
    let id = slide_id_from_path(slide);
    let mut free = None;
    for number in 1..MOST {
        let id = numbered(&id, number);
        let folder = out.join(&id);
        if !folder.exists() {
            // Names are given out in their order, so that nothing of the slide comes after.
            free = Some(id);
            break;
        }
        let result = SlideResult::read(&folder.join("result.json"));
        if result.is_ok_and(|result| is_of(&folder, &result)) {
            return SlidePlace::Scored(id);
        }
    }
    SlidePlace::Free(free.unwrap_or(id))
}

/// `S1`, `S1-2`, `S1-3`; cut where it would be too long for a folder's name.
fn numbered(id: &str, number: usize) -> String {
    if number == 1 {
        return id.to_owned();
    }
    let end = format!("-{number}");
    let mut id = id.to_owned();
    while id.len() + end.len() > MAX_ID_BYTES {
        id.pop();
    }
    id + &end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::safe_slide_id;

    #[test]
    fn a_folder_that_is_there_is_anothers_unless_its_result_says_otherwise() {
        let dir = tempfile::tempdir().unwrap();
        let place = |slide: &str| slide_place(dir.path(), Path::new(slide), |_, _| true);
        assert_eq!(place("a/S1.svs"), SlidePlace::Free("S1".to_owned()));
        std::fs::create_dir_all(dir.path().join("S1")).unwrap();
        std::fs::write(dir.path().join("S1/result.json"), "{").unwrap();
        std::fs::create_dir_all(dir.path().join("S1-2")).unwrap();
        assert_eq!(place("b/S1.tiff"), SlidePlace::Free("S1-3".to_owned()));
    }

    #[test]
    fn numbered_names_stay_safe() {
        let long = safe_slide_id(&"\u{e4}".repeat(200));
        for number in [1, 2, 999] {
            let id = numbered(&long, number);
            assert_eq!(safe_slide_id(&id), id);
        }
        assert_ne!(numbered(&long, 2), numbered(&long, 3));
    }
}
