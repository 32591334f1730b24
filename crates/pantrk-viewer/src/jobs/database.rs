//! What a worklist's database lists: its slides, and the reviews of those that were never collected.
//!
//! The viewer makes a database beside results for its reviews alone; `pantrk batch` and `collect` fill the list of slides.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pantrk_slide::is_address;
use pantrk_store::{SlideReview, StoreError, Worklist, WorklistSlide, slide_id_from_path};

use super::library::{RESULT, Scan};

/// Missing slides that are named.
const NAMED: usize = 5;

/// All that is in a database.
struct Listed {
    /// The folder that it stands in.
    root: PathBuf,
    slides: Vec<WorklistSlide>,
    reviews: Vec<SlideReview>,
}

fn read(path: &Path) -> Result<Listed, StoreError> {
    let list = Worklist::open_read_only(path)?;
    Ok(Listed {
        root: list.folder().to_path_buf(),
        slides: list.slides()?,
        reviews: list.reviews()?,
    })
}

/// Adds what the database at `path` lists; says whether anybody still listens.
pub(super) fn list(scan: &mut Scan<'_>, path: &Path) -> bool {
    let listed = match read(path) {
        Ok(listed) => listed,
        Err(error) => {
            let message = format!("could not read the worklist ({error}): {}", path.display());
            return scan.trouble(message);
        }
    };
    let before = scan.count();
    let root = &listed.root;
    for slide in &listed.slides {
        if let Some(folder) = &slide.result_folder {
            if !scan.result(&root.join(folder)) {
                return false;
            }
        } else {
            let path = PathBuf::from(&slide.slide_path);
            scan.slides.push((slide.slide_id.clone(), path));
        }
    }
    // Nothing was collected: then what lies beside the database is what it is about.
    if listed.slides.is_empty() && !scan.folder(root, 0) {
        return false;
    }
    let known: BTreeSet<&str> = listed.slides.iter().map(|s| s.slide_id.as_str()).collect();
    let mut gone = Vec::new();
    for review in &listed.reviews {
        let id = review.slide_id.as_str();
        if known.contains(id) {
            continue;
        }
        // Without a result the review is kept under the slide's file.
        let file = Path::new(id);
        if root.join(file).join(RESULT).is_file() {
            if !scan.result(&root.join(file)) {
                return false;
            }
        } else if is_address(file) || (file.is_absolute() && file.exists()) {
            scan.slides
                .push((slide_id_from_path(file), file.to_path_buf()));
        } else {
            gone.push(id);
        }
    }
    if !gone.is_empty() {
        return scan.trouble(gone_text(&gone, path));
    }
    if scan.count() == before {
        return scan.trouble(format!(
            "this worklist lists no slide, and no result lies beside it; `pantrk collect` makes the list out of a results folder: {}",
            path.display()
        ));
    }
    true
}

/// That reviewed slides are not where they were.
fn gone_text(gone: &[&str], path: &Path) -> String {
    let mut names = gone.iter().take(NAMED).copied().collect::<Vec<_>>();
    let more = format!("and {} more", gone.len().saturating_sub(NAMED));
    if gone.len() > NAMED {
        names.push(&more);
    }
    format!(
        "reviews are kept here of slides that are not there any more ({}); put them back, or open the folder where they are now: {}",
        names.join(", "),
        path.display()
    )
}
