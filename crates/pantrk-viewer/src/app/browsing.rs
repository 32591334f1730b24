//! Files that are chosen from a list: opened, imported, or saved under a name.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Viewer;
use crate::browser::{Browser, Purpose};
use crate::command::{BrowseCommand, TrainCommand};
use crate::jobs::FileRequest;
use crate::state::{Load, WorkSource};

impl Viewer {
    pub(super) fn browse_command(&mut self, ctx: &egui::Context, command: BrowseCommand) {
        match command {
            BrowseCommand::For(purpose) => self.browse(purpose),
            BrowseCommand::Close => self.session.browser = None,
            BrowseCommand::Go(folder) => self.list(folder),
            BrowseCommand::Name(name) => {
                if let Some(browser) = &mut self.session.browser {
                    browser.name = name;
                }
            }
            BrowseCommand::Choose => self.choose(ctx),
        }
    }

    /// Shows the list: where the last file was chosen, else beside what is open.
    fn browse(&mut self, purpose: Purpose) {
        let item = self.session.open_item().map(|(item, _)| item);
        let root = item.and_then(|item| match &item.source {
            WorkSource::Result { folder, .. } => folder.parent().map(Path::to_path_buf),
            WorkSource::Slide { path } => path.parent().map(Path::to_path_buf),
            WorkSource::Broken { .. } => None,
        });
        let offered = purpose.row().offered;
        let name = match item {
            Some(item) if purpose.saves() => format!("{}-{offered}", item.id),
            _ => String::new(),
        };
        let home = std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE"));
        let mut places: Vec<(String, PathBuf)> = Vec::new();
        let mut add = |name: &str, path: Option<PathBuf>| {
            let path = path.filter(|p| !p.as_os_str().is_empty());
            if let Some(path) = path.filter(|p| !places.iter().any(|(_, known)| known == p)) {
                places.push((name.to_owned(), path));
            }
        };
        add("This slide", root.clone());
        add("Last", self.settings.last_folder.clone());
        add("Home", home.map(PathBuf::from));
        add("Working folder", std::env::current_dir().ok());
        // What is saved belongs to what is open; what is read lies where the last lay.
        let first = if purpose.saves() {
            root.or_else(|| self.settings.last_folder.clone())
        } else {
            self.settings.last_folder.clone().or(root)
        };
        let folder = first
            .or_else(|| places.first().map(|(_, path)| path.clone()))
            .unwrap_or_else(|| PathBuf::from("."));
        self.session.browser = Some(Browser {
            purpose,
            folder: folder.clone(),
            entries: Load::Absent,
            name,
            places,
        });
        self.list(folder);
    }

    fn list(&mut self, folder: PathBuf) {
        let Some(browser) = &mut self.session.browser else {
            return;
        };
        browser.folder = std::path::absolute(&folder).unwrap_or(folder);
        if !browser.purpose.saves() {
            browser.name.clear();
        }
        let request = FileRequest::List(browser.folder.clone());
        browser.entries = match self.files.ask(request) {
            Ok(()) => Load::Waiting,
            Err(_) => Load::Failed("too much is being read at once; try again".to_owned()),
        };
    }

    fn choose(&mut self, ctx: &egui::Context) {
        let Some(browser) = &self.session.browser else {
            return;
        };
        let (purpose, path) = (browser.purpose, browser.chosen());
        // A folder that was named is gone into, other than to open it by the button.
        let is_folder = browser.named().is_some_and(|entry| entry.is_folder);
        if is_folder {
            self.list(path);
            return;
        }
        self.settings.last_folder = path.parent().map(Path::to_path_buf);
        if purpose == Purpose::OpenSlides {
            self.settings.last_folder = Some(browser.folder.clone());
        }
        self.session.browser = None;
        match purpose {
            Purpose::OpenSlides if path.exists() => self.scan_paths(&[path]),
            Purpose::OpenSlides => {
                self.fail(format!(
                    "There is no such file or folder: {}",
                    path.display()
                ));
            }
            Purpose::ImportRegions => self.import_regions(path),
            Purpose::LoadClassifier => self.train_command(TrainCommand::Load(path)),
            Purpose::SavePicture => {
                self.picture_path = Some(path);
                self.save_picture(ctx);
            }
            Purpose::SaveReport => self.export_report(Some(path)),
            Purpose::SaveRegions => self.save_shapes(path, false),
            Purpose::SaveStrokes => self.save_shapes(path, true),
            Purpose::SaveClassifier => {
                let open = self.session.open.as_ref();
                let model = open.and_then(|open| open.training.model.as_ref());
                if let Some(model) = model {
                    let model = Arc::clone(model);
                    self.ask_files(FileRequest::SaveClassifier { model, path });
                }
            }
        }
    }

    /// Draws the regions of a file, if a slide is open to draw them on.
    pub(super) fn import_regions(&mut self, path: PathBuf) {
        let open = self.session.open.as_ref();
        let target = open.and_then(|o| Some((o.opening, o.slide.ready()?.size())));
        match target {
            Some((opening, size)) => self.ask_files(FileRequest::Import {
                opening,
                path,
                size,
            }),
            None => self.inform(format!(
                "Open the slide first, then its regions: {}",
                path.display()
            )),
        }
    }

    pub(super) fn save_shapes(&mut self, path: PathBuf, trains: bool) {
        if let Some(open) = &self.session.open {
            let shapes = open.review.drawing.shapes().iter();
            let shapes = shapes.filter(|s| s.trains == trains).cloned().collect();
            self.ask_files(FileRequest::Shapes { shapes, path });
        }
    }

    /// Hands something to the thread that reads and writes files.
    pub(super) fn ask_files(&mut self, request: FileRequest) {
        if self.files.ask(request).is_err() {
            self.note("Too much is being read or saved at once; try again.".to_owned());
        }
    }
}
