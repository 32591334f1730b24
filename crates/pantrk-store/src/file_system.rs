//! What kind of file system a path lies on, as far as the system says.

use std::path::{Path, PathBuf};

/// File systems on which several machines see the same files, or which only look like a disk.
const NETWORK: [&str; 17] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "lustre",
    "gpfs",
    "beegfs",
    "ceph",
    "glusterfs",
    "afs",
    "9p",
    "pvfs2",
    "orangefs",
    "panfs",
    "wekafs",
    "virtiofs",
];

/// Whether other machines may write there too; `false` where the system does not say.
pub fn is_network(path: &Path) -> bool {
    kind(path).is_some_and(|kind| {
        // FUSE names its own kind after the dot: all but local containers are remote.
        NETWORK.contains(&kind.as_str())
            || kind
                .strip_prefix("fuse.")
                .is_some_and(|name| !name.contains("overlayfs"))
    })
}

/// The kind of the file system that holds a path, such as `ext4`.
fn kind(path: &Path) -> Option<String> {
    let existing = path.ancestors().find_map(|p| {
        if p.as_os_str().is_empty() {
            Path::new(".")
        } else {
            p
        }
        .canonicalize()
        .ok()
    })?;
    let table = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    kind_in(&table, &existing)
}

/// The mount with the longest path wins, and of equals the later one, which hides the earlier.
fn kind_in(table: &str, path: &Path) -> Option<String> {
    table
        .lines()
        .filter_map(|line| {
            let (before, after) = line.split_once(" - ")?;
            let place = PathBuf::from(unescaped(before.split(' ').nth(4)?));
            path.starts_with(&place)
                .then(|| (place.components().count(), after.split(' ').next()))
        })
        .max_by_key(|(depth, _)| *depth)
        .and_then(|(_, kind)| kind.map(str::to_owned))
}

/// The kernel writes blanks in a path as octal numbers.
fn unescaped(text: &str) -> String {
    [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (code, plain)| {
        text.replace(code, plain)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 22 0:35 / /data rw,relatime shared:20 - nfs4 server:/export rw,vers=4.2
41 40 0:36 / /data/fast\\040disk rw - xfs /dev/sdb rw
42 22 0:37 / /home rw - fuse.sshfs me@there: rw
";

    #[test]
    fn the_nearest_mount_decides() {
        let kind = |path: &str| kind_in(TABLE, Path::new(path)).unwrap();
        assert_eq!(kind("/usr/lib"), "ext4");
        assert_eq!(kind("/data/cohort/out"), "nfs4");
        assert_eq!(kind("/data/fast disk/out"), "xfs");
        assert_eq!(kind("/database"), "ext4");
        assert_eq!(kind("/home/me"), "fuse.sshfs");
    }

    #[test]
    fn a_temporary_folder_is_local() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_network(folder.path()));
        assert!(!is_network(&folder.path().join("not/there/yet")));
    }
}
