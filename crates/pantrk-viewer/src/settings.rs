//! What the user chose; kept from one start to the next.

use std::path::{Path, PathBuf};

use egui::ThemePreference;
use pantrk_slide::is_address;
use serde::{Deserialize, Serialize};

use crate::drawing::Tool;
use crate::state::whole;
use crate::worklist::{Filter, SortBy};

/// What the user chose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct Settings {
    /// Light, dark, or as the system has it.
    #[serde(with = "theme")]
    pub(crate) theme: ThemePreference,
    /// How large text and all else is drawn, 1 as made.
    pub(crate) font_scale: f32,
    /// Bytes of textures kept of a slide's tiles.
    pub(crate) tile_budget: usize,
    /// How opaque the heatmap is, 0 to 1.
    pub(crate) heatmap_opacity: f32,
    /// Whether cells are drawn, and how opaque, 0 to 1.
    pub(crate) show_cells: bool,
    /// How opaque cells are drawn, 0 to 1.
    pub(crate) cell_opacity: f32,
    /// Whether drawn regions are shown.
    pub(crate) show_regions: bool,
    /// How opaque they are drawn, 0 to 1.
    pub(crate) region_opacity: f32,
    /// Whether the layers show their opacities and legends, beside the switches.
    pub(crate) layer_details: bool,
    /// Whether the region classifier is trained while strokes are painted, and what it says is shown.
    pub(crate) live_preview: bool,
    /// How opaque that is drawn, 0 to 1.
    pub(crate) preview_opacity: f32,
    /// What the pointer does.
    #[serde(skip)]
    pub(crate) tool: Tool,
    /// The class of what is drawn next.
    pub(crate) class: String,
    /// The brush's radius, screen points.
    pub(crate) brush: f32,
    /// The name that stands under reviews.
    pub(crate) reviewer: String,
    /// The order of the worklist.
    pub(crate) sort: SortBy,
    /// What of the worklist is shown.
    pub(crate) filter: Filter,
    /// The last session: what was given to open.
    pub(crate) last_paths: Vec<PathBuf>,
    /// The slide that was open last, by its id.
    pub(crate) last_open: Option<String>,
    /// The same by its result's folder or its file, for slides of one name may lie in several folders.
    pub(crate) last_place: Option<PathBuf>,
    /// The folder that a file was chosen from last.
    pub(crate) last_folder: Option<PathBuf>,
    /// The folder in which a slide lay that was opened last.
    pub(crate) slide_folder: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: ThemePreference::Dark,
            font_scale: 1.0,
            tile_budget: 256 << 20,
            heatmap_opacity: 0.55,
            show_cells: true,
            cell_opacity: 1.0,
            show_regions: true,
            region_opacity: 1.0,
            layer_details: false,
            live_preview: true,
            preview_opacity: 0.45,
            tool: Tool::Move,
            class: "Tumor".to_owned(),
            brush: 24.0,
            reviewer: String::new(),
            sort: SortBy::Action,
            filter: Filter::All,
            last_paths: Vec::new(),
            last_open: None,
            last_place: None,
            last_folder: None,
            slide_folder: None,
        }
    }
}

impl Settings {
    /// Those that were kept; the defaults where there are none or they cannot be read.
    pub(crate) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let mut settings: Self = serde_json::from_str(&text).unwrap_or_default();
        settings.font_scale = settings.font_scale.clamp(0.7, 2.0);
        settings.brush = settings.brush.clamp(3.0, 200.0);
        settings.tile_budget = settings.tile_budget.clamp(32 << 20, 4 << 30);
        settings
    }

    /// A slide was found here: others that are not where their results say may be as well.
    pub(crate) fn keep_slide_folder(&mut self, slide: &Path) {
        if !is_address(slide) {
            self.slide_folder = whole(slide).parent().map(Path::to_path_buf);
        }
    }

    /// As they are kept.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

/// Where this user's settings are kept; `None` where the system names no place.
pub(crate) fn usual_place() -> Option<PathBuf> {
    let of = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty());
    let folder = if cfg!(windows) {
        PathBuf::from(of("APPDATA")?)
    } else if cfg!(target_os = "macos") {
        PathBuf::from(of("HOME")?).join("Library/Application Support")
    } else {
        match of("XDG_CONFIG_HOME") {
            Some(folder) => PathBuf::from(folder),
            None => PathBuf::from(of("HOME")?).join(".config"),
        }
    };
    Some(folder.join("pantrk").join("viewer.json"))
}

/// The name of the computer's account, as a start for who uses the desk; `None` where the system does not say it.
pub(crate) fn account() -> Option<String> {
    let named = |name: String| Some(name.trim().to_owned()).filter(|name| !name.is_empty());
    let mut told = ["USER", "LOGNAME", "USERNAME"].into_iter();
    let told = told.find_map(|name| std::env::var(name).ok().and_then(named));
    // Programs that a desktop starts may have none of these.
    told.or_else(|| {
        let asked = std::process::Command::new("whoami")
            .stdin(std::process::Stdio::null())
            .output();
        let said = asked.ok().filter(|asked| asked.status.success())?;
        named(String::from_utf8(said.stdout).ok()?)
    })
}

/// egui's own way to write it needs a feature that nothing else does.
mod theme {
    use egui::ThemePreference;
    use serde::{Deserialize as _, Deserializer, Serializer};

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde calls it with a reference"
    )]
    pub(super) fn serialize<S: Serializer>(
        theme: &ThemePreference,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match theme {
            ThemePreference::Dark => "dark",
            ThemePreference::Light => "light",
            ThemePreference::System => "system",
        })
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<ThemePreference, D::Error> {
        Ok(match String::deserialize(deserializer)?.as_str() {
            "light" => ThemePreference::Light,
            "system" => ThemePreference::System,
            _ => ThemePreference::Dark,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_and_broken_ones_become_the_defaults() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("viewer.json");
        assert_eq!(Settings::read(&path), Settings::default());
        let chosen = Settings {
            theme: ThemePreference::Light,
            font_scale: 1.3,
            reviewer: "Dr A. Reader".to_owned(),
            ..Settings::default()
        };
        std::fs::write(&path, chosen.to_json()).unwrap();
        assert_eq!(Settings::read(&path), chosen);
        std::fs::write(&path, "{\"font_scale\": 99}").unwrap();
        assert!((Settings::read(&path).font_scale - 2.0).abs() < 1e-6);
        std::fs::write(&path, "{").unwrap();
        assert_eq!(Settings::read(&path), Settings::default());
    }
}
