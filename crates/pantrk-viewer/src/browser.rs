//! The list of files that something is chosen from, or saved among, as data.

use std::path::{Path, PathBuf};

use crate::state::Load;

/// What a file is chosen for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Slides, results or folders of them.
    OpenSlides,
    /// Regions as GeoJSON.
    ImportRegions,
    /// A region classifier.
    LoadClassifier,
    /// Regions as GeoJSON.
    SaveRegions,
    /// The training strokes as GeoJSON.
    SaveStrokes,
    /// A region classifier.
    SaveClassifier,
    /// A picture of the view.
    SavePicture,
    /// The report.
    SaveReport,
}

/// A row of the table of purposes.
pub(crate) struct PurposeRow {
    /// Which.
    pub(crate) purpose: Purpose,
    /// What the menu and the list's title say.
    pub(crate) title: &'static str,
    /// What the button says.
    pub(crate) verb: &'static str,
    /// Endings of the files that are listed; all without any.
    pub(crate) endings: &'static [&'static str],
    /// Put behind the slide's id, the name on offer; empty where a file is read.
    pub(crate) offered: &'static str,
}

/// All purposes, in the order of the menu.
pub(crate) const PURPOSES: [PurposeRow; 8] = [
    PurposeRow {
        purpose: Purpose::OpenSlides,
        title: "Open slides or results",
        verb: "Open",
        endings: &[],
        offered: "",
    },
    PurposeRow {
        purpose: Purpose::ImportRegions,
        title: "Import regions (GeoJSON)",
        verb: "Import",
        endings: &["geojson", "json"],
        offered: "",
    },
    PurposeRow {
        purpose: Purpose::LoadClassifier,
        title: "Load a region classifier",
        verb: "Load",
        endings: &["json"],
        offered: "",
    },
    PurposeRow {
        purpose: Purpose::SaveRegions,
        title: "Save regions (GeoJSON)",
        verb: "Save",
        endings: &["geojson", "json"],
        offered: "regions.geojson",
    },
    PurposeRow {
        purpose: Purpose::SaveStrokes,
        title: "Save training strokes (GeoJSON)",
        verb: "Save",
        endings: &["geojson", "json"],
        offered: "strokes.geojson",
    },
    PurposeRow {
        purpose: Purpose::SaveClassifier,
        title: "Save the region classifier",
        verb: "Save",
        endings: &["json"],
        offered: "region-classifier.json",
    },
    PurposeRow {
        purpose: Purpose::SavePicture,
        title: "Save a picture of the view",
        verb: "Save",
        endings: &["png"],
        offered: "view.png",
    },
    PurposeRow {
        purpose: Purpose::SaveReport,
        title: "Save the report",
        verb: "Save",
        endings: &["html", "pdf"],
        offered: "report.html",
    },
];

impl Purpose {
    /// Its row.
    pub(crate) fn row(self) -> &'static PurposeRow {
        let found = PURPOSES.iter().find(|row| row.purpose == self);
        found.unwrap_or(&PURPOSES[0])
    }

    /// Whether something is written.
    pub(crate) fn saves(self) -> bool {
        !self.row().offered.is_empty()
    }
}

/// Something in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FolderEntry {
    /// Its name.
    pub(crate) name: String,
    /// Whether it is a folder.
    pub(crate) is_folder: bool,
    /// Its size; 0 for folders.
    pub(crate) bytes: u64,
}

/// The list that is shown.
#[derive(Debug, Clone)]
pub(crate) struct Browser {
    /// What for.
    pub(crate) purpose: Purpose,
    /// Where.
    pub(crate) folder: PathBuf,
    /// What is there: folders first, by name.
    pub(crate) entries: Load<Vec<FolderEntry>>,
    /// What stands in the field: a name, or a path.
    pub(crate) name: String,
    /// Other places to go to, with what they are called.
    pub(crate) places: Vec<(String, PathBuf)>,
}

impl Browser {
    /// What is chosen: the folder itself where nothing was named.
    pub(crate) fn chosen(&self) -> PathBuf {
        let name = self.name.trim();
        if name.is_empty() {
            self.folder.clone()
        } else {
            self.folder.join(name)
        }
    }

    /// The entry that is named.
    pub(crate) fn named(&self) -> Option<&FolderEntry> {
        let entries = self.entries.ready()?;
        entries.iter().find(|e| e.name == self.name.trim())
    }

    /// Whether an entry is listed: folders, and files of the wanted endings.
    pub(crate) fn lists(&self, entry: &FolderEntry) -> bool {
        let endings = self.purpose.row().endings;
        let ending = Path::new(&entry.name).extension().unwrap_or_default();
        entry.is_folder
            || endings.is_empty()
            || endings.iter().any(|e| ending.eq_ignore_ascii_case(e))
    }

    /// Whether there is enough to go on with.
    pub(crate) fn can_choose(&self) -> bool {
        self.purpose == Purpose::OpenSlides || !self.name.trim().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_taken_is_listed() {
        let browser = Browser {
            purpose: Purpose::ImportRegions,
            folder: PathBuf::from("/data"),
            entries: Load::Waiting,
            name: String::new(),
            places: Vec::new(),
        };
        let entry = |name: &str, is_folder| FolderEntry {
            name: name.to_owned(),
            is_folder,
            bytes: 0,
        };
        assert!(browser.lists(&entry("a.GeoJSON", false)));
        assert!(browser.lists(&entry("slides", true)));
        assert!(!browser.lists(&entry("a.svs", false)));
        assert!(!browser.can_choose());
        assert!(!Purpose::ImportRegions.saves() && Purpose::SaveReport.saves());
    }
}
