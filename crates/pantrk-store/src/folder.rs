//! A slide's folder: written beside, renamed into place.
//!
//! **Architecture invariant:** `<out>/<slide-id>` is always a whole result or not there; everything under work is in `<slide-id>.partial`.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::checkpoint;
use crate::claim::CLAIM;
use crate::failed::{ERROR, ERRORS_FILE};
use crate::worklist::WORKLIST_FILE;
use crate::{SlideResult, StoreError};

/// Ends the name of a folder under work.
const PARTIAL: &str = ".partial";
/// Ends the name of a result that is about to be replaced.
const OLD: &str = ".old";
/// In a slide's folder: the manifest's other columns, where there are any.
const MANIFEST_COLUMNS: &str = "manifest.json";
/// File systems take 255 bytes; the endings and a report's name must fit as well.
pub(crate) const MAX_ID_BYTES: usize = 120;

/// Files of a results folder that no slide's folder may be called after.
const OWN_FILES: [&str; 4] = ["summary.csv", "summary.parquet", WORKLIST_FILE, ERRORS_FILE];

/// A slide's folder under work.
///
/// Dropped without [`RunFolder::finish`] or [`RunFolder::keep`], it is removed.
#[derive(Debug)]
pub struct RunFolder {
    partial: PathBuf,
    target: PathBuf,
    /// Whether dropping removes the partial folder.
    discard: bool,
}

impl RunFolder {
    /// Starts `<out>/<slide_id>.partial` anew; what a killed run left there is removed.
    ///
    /// # Errors
    /// If `slide_id` is not safe as a folder's name, or the folder cannot be made.
    pub fn create(out: &Path, slide_id: &str) -> Result<Self, StoreError> {
        let folder = Self::at(out, slide_id)?;
        match fs::remove_dir_all(&folder.partial) {
            // A file on the way is no leaving of an earlier run: making the folder says so.
            Err(e)
                if !matches!(
                    e.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Err(StoreError::io(
                    "remove what an earlier run left",
                    &folder.partial,
                    e,
                ));
            }
            _ => {}
        }
        folder.made()
    }

    /// Takes up `<out>/<slide_id>.partial` with the checkpoint that an interrupted run kept, or starts it; what else that run left is removed.
    ///
    /// # Errors
    /// Those of [`RunFolder::create`].
    pub fn resume(out: &Path, slide_id: &str) -> Result<Self, StoreError> {
        let folder = Self::at(out, slide_id)?.made()?;
        folder.clear()?;
        Ok(folder)
    }

    /// Removes everything but the checkpoint: what a run wrote that could not finish.
    ///
    /// # Errors
    /// If a file cannot be removed.
    pub fn clear(&self) -> Result<(), StoreError> {
        let failed = |e| StoreError::io("remove what an earlier run left", &self.partial, e);
        for entry in fs::read_dir(&self.partial).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_name() == checkpoint::FILE {
                continue;
            }
            let path = entry.path();
            if entry.file_type().map_err(failed)?.is_dir() {
                fs::remove_dir_all(&path).map_err(failed)?;
            } else {
                fs::remove_file(&path).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Puts right what a process left that was killed while it replaced a result: the old one is back in place, or gone if the new one is there.
    ///
    /// # Errors
    /// If the folders cannot be moved.
    pub fn mend(out: &Path, slide_id: &str) -> Result<(), StoreError> {
        let (target, old) = (out.join(slide_id), out.join(format!("{slide_id}{OLD}")));
        if !old.is_dir() {
            return Ok(());
        }
        if target.exists() {
            fs::remove_dir_all(&old).map_err(|e| StoreError::io("remove the old result", &old, e))
        } else {
            fs::rename(&old, &target)
                .map_err(|e| StoreError::io("put the old result back", &target, e))
        }
    }

    /// Writes the manifest's other columns, name and value; nothing if there are none.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_manifest_columns(&self, columns: &[(String, String)]) -> Result<(), StoreError> {
        write_manifest_columns(&self.partial, columns)
    }

    fn at(out: &Path, slide_id: &str) -> Result<Self, StoreError> {
        let safe = safe_slide_id(slide_id);
        if safe != slide_id {
            return Err(StoreError::Usage {
                what: "the slide id must be safe as a folder's name".to_owned(),
                found: format!("{slide_id:?}"),
                wanted: format!("for example {safe:?}"),
            });
        }
        Ok(Self {
            partial: out.join(format!("{slide_id}{PARTIAL}")),
            target: out.join(slide_id),
            discard: false,
        })
    }

    fn made(mut self) -> Result<Self, StoreError> {
        fs::create_dir_all(&self.partial)
            .map_err(|e| StoreError::io("make the result folder", &self.partial, e))?;
        self.discard = true;
        Ok(self)
    }

    /// The folder under work.
    pub fn path(&self) -> &Path {
        &self.partial
    }

    /// Where the folder will be once finished.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// The path of a file under work; its folders are made.
    ///
    /// # Errors
    /// If a folder on the way cannot be made.
    pub fn file(&self, name: &str) -> Result<PathBuf, StoreError> {
        let path = self.partial.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|e| StoreError::io("make a folder", parent, e))?;
        }
        Ok(path)
    }

    /// Writes a whole file and waits until it is on the disk.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, StoreError> {
        let path = self.file(name)?;
        write_synced(&path, bytes)?;
        Ok(path)
    }

    /// Writes `result.json`.
    ///
    /// # Errors
    /// If the result holds a number that is not finite, or the file cannot be written.
    pub fn write_result(&self, result: &SlideResult) -> Result<PathBuf, StoreError> {
        self.write("result.json", result.to_json()?.as_bytes())
    }

    /// Puts all files on the disk and the folder into place, and gives its path.
    ///
    /// The checkpoint goes last: a process that is killed while files are put on the disk has lost nothing.
    /// A result that was there before is moved aside first and removed last: two renames, between which a killed process leaves the old result as `<slide-id>.old` and the new one as `<slide-id>.partial`, both whole.
    ///
    /// # Errors
    /// If a file cannot be synced or the folder cannot be renamed; the old result is then back in place.
    pub fn finish(mut self) -> Result<PathBuf, StoreError> {
        sync_tree(&self.partial)?;
        let checkpoint = self.partial.join(checkpoint::FILE);
        match fs::remove_file(&checkpoint) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::io("remove the checkpoint", &checkpoint, e));
            }
            _ => {}
        }
        let old = self.target.with_file_name(format!(
            "{}{OLD}",
            self.target
                .file_name()
                .unwrap_or_else(|| OsStr::new(""))
                .to_string_lossy()
        ));
        let replaced = self.target.exists();
        if replaced {
            if old.exists() {
                fs::remove_dir_all(&old)
                    .map_err(|e| StoreError::io("remove an outdated result", &old, e))?;
            }
            fs::rename(&self.target, &old)
                .map_err(|e| StoreError::io("move the old result aside", &self.target, e))?;
        }
        if let Err(e) = fs::rename(&self.partial, &self.target) {
            if replaced && fs::rename(&old, &self.target).is_err() {
                return Err(StoreError::io(
                    "put the new result into place; the old one is in the folder ending in .old",
                    &self.target,
                    e,
                ));
            }
            return Err(StoreError::io(
                "put the new result into place",
                &self.target,
                e,
            ));
        }
        self.discard = false;
        if let Some(parent) = self.target.parent() {
            sync_folder(parent)?;
        }
        if replaced {
            fs::remove_dir_all(&old)
                .map_err(|e| StoreError::io("remove the old result", &old, e))?;
        }
        Ok(self.target.clone())
    }

    /// Leaves the partial folder for [`RunFolder::resume`], as an interrupted run does.
    pub fn keep(mut self) -> PathBuf {
        self.discard = false;
        self.partial.clone()
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if self.discard {
            // A drop cannot report; what stays behind is removed by the next run.
            drop(fs::remove_dir_all(&self.partial));
        }
    }
}

/// The manifest's other columns that a slide's folder holds; none where there is no such file.
pub fn read_manifest_columns(folder: &Path) -> Vec<(String, String)> {
    fs::read_to_string(folder.join(MANIFEST_COLUMNS))
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default()
}

/// Writes the manifest's other columns into a slide's folder, or removes them where there are none; the same again writes nothing.
///
/// # Errors
/// If the file cannot be written.
pub fn write_manifest_columns(
    folder: &Path,
    columns: &[(String, String)],
) -> Result<(), StoreError> {
    let path = folder.join(MANIFEST_COLUMNS);
    if read_manifest_columns(folder) == columns {
        return Ok(());
    }
    if columns.is_empty() {
        return fs::remove_file(&path)
            .map_err(|e| StoreError::io("remove the manifest's columns", &path, e));
    }
    let mut text = serde_json::to_string_pretty(columns)
        .map_err(|e| StoreError::NotSerialisable(format!("the manifest's columns: {e}")))?;
    text.push('\n');
    write_replaced(&path, text.as_bytes())
}

/// The slide id in the name of something that is not a result yet, or not any more.
pub(crate) fn is_passing(name: &str) -> Option<&str> {
    [PARTIAL, OLD, CLAIM]
        .iter()
        .find_map(|ending| name.strip_suffix(ending))
}

/// Removes what processes left in a results folder that were killed while they wrote or claimed something, long enough ago that none still writes.
pub(crate) fn sweep(out: &Path) {
    const LONG: Duration = Duration::from_hours(1);
    let Ok(entries) = fs::read_dir(out) else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let ours = name.to_str().is_some_and(|name| {
            (name.starts_with('.') && name.ends_with(PARTIAL))
                || name.contains(&format!("{CLAIM}."))
        });
        let age = || entry.metadata().ok()?.modified().ok()?.elapsed().ok();
        if ours && entry.path().is_file() && age().is_some_and(|age| age > LONG) {
            drop(fs::remove_file(entry.path()));
        }
    }
}

/// Writes a file beside its place and renames it there: a reader finds the old bytes or the new ones.
pub(crate) fn write_replaced(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // Processes of two machines may have one number; they hardly write in one nanosecond.
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let beside = path.with_file_name(format!(
        ".{name}.{}-{:x}{PARTIAL}",
        std::process::id(),
        now.unwrap_or_default().as_nanos()
    ));
    let written = write_synced(&beside, bytes).and_then(|()| {
        fs::rename(&beside, path).map_err(|e| StoreError::io("put a file into place", path, e))
    });
    if written.is_err() {
        drop(fs::remove_file(&beside));
    }
    written
}

/// Writes a file and waits until it is on the disk.
pub(crate) fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let failed = |e| StoreError::io("write a result file", path, e);
    let mut file = File::create(path).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.sync_all().map_err(failed)
}

/// Creates a file to be written in pieces.
pub(crate) fn create_buffered(path: &Path) -> Result<BufWriter<File>, StoreError> {
    File::create(path)
        .map(|file| BufWriter::with_capacity(1 << 18, file))
        .map_err(|e| StoreError::io("write a result file", path, e))
}

fn sync_tree(folder: &Path) -> Result<(), StoreError> {
    let failed = |e| StoreError::io("put the result on the disk", folder, e);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            sync_tree(&path)?;
        } else {
            File::open(&path)
                .and_then(|file| file.sync_all())
                .map_err(|e| StoreError::io("put a result file on the disk", &path, e))?;
        }
    }
    sync_folder(folder)
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    match File::open(folder).and_then(|f| f.sync_all()) {
        // Some network file systems know no sync of a folder; the files themselves are synced.
        Err(e) if e.kind() != io::ErrorKind::Unsupported && e.raw_os_error() != Some(EINVAL) => {
            Err(StoreError::io(
                "put the result folder on the disk",
                folder,
                e,
            ))
        }
        _ => Ok(()),
    }
}

/// "Invalid argument" on Linux and macOS alike.
#[cfg(unix)]
const EINVAL: i32 = 22;

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> Result<(), StoreError> {
    Ok(())
}

/// A slide's id: the stem of its file made safe as a folder's name.
///
/// Two slides of one run may come out the same (`a b.svs` and `a_b.svs`, or one name in two folders); whoever starts the run refuses that, or asks [`crate::slide_place`] for another name.
pub fn slide_id_from_path(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or(path.as_os_str());
    safe_slide_id(&stem.to_string_lossy())
}

/// `wanted` with everything replaced that a file system or a shell could trip over.
///
/// Letters and digits of any script, `.`, `-` and `_` stay; the rest becomes `_`. The answer is never empty, never hidden, and safe ids are their own answer.
pub fn safe_slide_id(wanted: &str) -> String {
    let mut id: String = wanted
        .trim()
        .chars()
        .map(|c| match c {
            '.' | '-' | '_' => c,
            c if c.is_alphanumeric() => c,
            _ => '_',
        })
        .collect();
    if id.len() > MAX_ID_BYTES {
        let end = (0..=MAX_ID_BYTES)
            .rev()
            .find(|&i| id.is_char_boundary(i))
            .unwrap_or(0);
        id.truncate(end);
    }
    // A trailing dot is dropped by Windows, a leading one hides the folder, a leading dash is read as a flag.
    let trimmed = id.trim_end_matches('.');
    let mut id = if trimmed.starts_with(['.', '-']) {
        format!("_{}", &trimmed[1..])
    } else {
        trimmed.to_owned()
    };
    let lower = id.to_lowercase();
    let device = lower.split('.').next().unwrap_or_default();
    let reserved = matches!(device, "con" | "prn" | "aux" | "nul")
        || (device.len() == 4
            && (device.starts_with("com") || device.starts_with("lpt"))
            && device.ends_with(|c: char| c.is_ascii_digit()));
    if id.is_empty() {
        "slide".clone_into(&mut id);
    } else if reserved
        || [PARTIAL, OLD, CLAIM, ERROR]
            .iter()
            .any(|e| lower.ends_with(e))
        || OWN_FILES.contains(&lower.as_str())
    {
        id.push('_');
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_safe_and_stay_as_they_are() {
        for (path, id) in [
            ("/data/CMU-1.svs", "CMU-1"),
            ("a/S12 345 #2.ndpi", "S12_345__2"),
            ("weird/..", "_"),
            ("x/../..hidden.tif", "_.hidden"),
            ("-rf.svs", "_rf"),
            ("Präparat 7.mrxs", "Präparat_7"),
            ("aux.svs", "aux_"),
            ("LPT1.svs", "LPT1_"),
            ("case.partial.svs", "case.partial_"),
            ("a\\b:c*.svs", "a_b_c_"),
            ("s1.claim.svs", "s1.claim_"),
            ("Summary.csv.svs", "Summary.csv_"),
        ] {
            let found = slide_id_from_path(Path::new(path));
            if path != "weird/.." {
                assert_eq!(found, id, "{path}");
            }
            assert_eq!(safe_slide_id(&found), found, "{path}");
            assert!(!found.is_empty() && !found.contains(['/', '\\']), "{path}");
        }
        let long = safe_slide_id(&"ä".repeat(500));
        assert!(long.len() <= MAX_ID_BYTES && safe_slide_id(&long) == long);
        assert_eq!(safe_slide_id(""), "slide");
    }

    #[test]
    fn a_dropped_folder_leaves_nothing() {
        let out = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(out.path(), "s1").unwrap();
        folder.write("heatmaps/a.png", b"x").unwrap();
        assert!(out.path().join("s1.partial/heatmaps/a.png").exists());
        drop(folder);
        assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
    }

    #[test]
    fn finishing_replaces_the_old_result_whole() {
        let out = tempfile::tempdir().unwrap();
        let first = RunFolder::create(out.path(), "s1").unwrap();
        first.write("only-in-first", b"1").unwrap();
        first.finish().unwrap();
        let second = RunFolder::create(out.path(), "s1").unwrap();
        second.write("result.json", b"2").unwrap();
        second.write("checkpoint", b"patches").unwrap();
        assert!(out.path().join("s1/only-in-first").exists());
        let path = second.finish().unwrap();
        assert_eq!(fs::read(path.join("result.json")).unwrap(), b"2");
        assert!(!path.join("only-in-first").exists() && !path.join("checkpoint").exists());
        assert_eq!(fs::read_dir(out.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_kept_folder_is_resumed_and_a_fresh_one_is_empty() {
        let out = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(out.path(), "s1").unwrap();
        folder.write("checkpoint", b"1").unwrap();
        folder.keep();
        let folder = RunFolder::resume(out.path(), "s1").unwrap();
        folder.write("heatmaps/a.png", b"cut sho").unwrap();
        folder.keep();
        let folder = RunFolder::resume(out.path(), "s1").unwrap();
        assert!(folder.path().join("checkpoint").exists());
        assert!(!folder.path().join("heatmaps").exists());
        folder.keep();
        let folder = RunFolder::create(out.path(), "s1").unwrap();
        assert!(!folder.path().join("checkpoint").exists());
    }

    #[test]
    fn a_kill_between_two_renames_loses_no_result() {
        let out = tempfile::tempdir().unwrap();
        let at = |name: &str| out.path().join(name);
        fs::create_dir(at("s1.old")).unwrap();
        fs::write(at("s1.old/result.json"), "old").unwrap();
        RunFolder::mend(out.path(), "s1").unwrap();
        assert_eq!(fs::read(at("s1/result.json")).unwrap(), b"old");
        fs::create_dir(at("s1.old")).unwrap();
        RunFolder::mend(out.path(), "s1").unwrap();
        assert!(at("s1/result.json").exists() && !at("s1.old").exists());
        RunFolder::mend(out.path(), "s1").unwrap();
    }

    #[test]
    fn other_columns_come_back_in_their_order() {
        let out = tempfile::tempdir().unwrap();
        let columns = [("site", "Zürich"), ("block", "B2")].map(|(k, v)| (k.into(), v.into()));
        assert_eq!(read_manifest_columns(out.path()), []);
        write_manifest_columns(out.path(), &[]).unwrap();
        write_manifest_columns(out.path(), &columns).unwrap();
        assert_eq!(read_manifest_columns(out.path()), columns);
        write_manifest_columns(out.path(), &[]).unwrap();
        assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
    }

    #[test]
    fn errors_say_where_and_what_to_do() {
        let out = tempfile::tempdir().unwrap();
        let file = out.path().join("taken");
        fs::write(&file, b"").unwrap();
        let error = RunFolder::create(&file, "s1").unwrap_err().to_string();
        assert!(
            error.contains("taken") && error.contains("--out"),
            "{error}"
        );
        let error = RunFolder::create(out.path(), "a/../b").unwrap_err();
        assert!(error.to_string().contains("a_.._b"), "{error}");
    }
}
