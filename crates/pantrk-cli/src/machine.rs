//! What this process may use: memory and threads, as the cgroup says (versions 1 and 2) and the machine has.

use std::fs;
use std::path::{Path, PathBuf};

/// What a run holds whatever the number of threads: program, model, tile cache, the overview of a slide and its cells, bytes.
pub(crate) const BASE_MEMORY: u64 = 350 << 20;
/// What each thread adds: patch buffers and the model's own, bytes; 84 MiB were measured.
const THREAD_MEMORY: u64 = 96 << 20;

/// The smallest memory limit of the cgroup and those above it, bytes; `None` without one.
pub(crate) fn memory_limit() -> Option<u64> {
    let read = |path: &Path| fs::read_to_string(path).ok();
    limit_in(
        &read(Path::new("/proc/self/cgroup"))?,
        &read(Path::new("/proc/self/mountinfo"))?,
        &read,
    )
}

/// The machine's memory that is not in use, bytes.
pub(crate) fn memory_free() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Threads that share a heap of the GNU allocator.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const SHARING: usize = 8;

/// Lets threads share their heaps, so that what one stage has freed serves the next; called before any thread is started.
///
/// Each thread's own heap would keep up to 64 MiB of buffers that no other can use.
pub(crate) fn share_heaps() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        let heaps = i32::try_from(cores().div_ceil(SHARING)).unwrap_or(i32::MAX);
        #[expect(unsafe_code, reason = "the allocator has no other door")]
        // SAFETY: it takes two numbers and sets how many heaps may be made from now on.
        unsafe {
            libc::mallopt(libc::M_ARENA_MAX, heaps);
        }
    }
}

/// Gives freed memory back to the system, which the GNU allocator otherwise keeps for later: a stage's buffers are of no use to the next one.
pub(crate) fn release_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        #[expect(unsafe_code, reason = "the allocator has no other door")]
        // SAFETY: it takes a number, touches free memory alone, and may be called from any thread at any time.
        unsafe {
            libc::malloc_trim(0);
        }
    }
}

/// The cores that the machine, its cgroup and its affinity give.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Threads that a run takes unless it is told: a core each, but no more than the cgroup's memory holds.
pub(crate) fn threads() -> usize {
    threads_within(cores(), memory_limit())
}

fn threads_within(cores: usize, limit: Option<u64>) -> usize {
    let Some(limit) = limit else {
        return cores;
    };
    let fit = limit.saturating_sub(BASE_MEMORY) / THREAD_MEMORY;
    usize::try_from(fit).unwrap_or(cores).clamp(1, cores.max(1))
}

/// Limits along the way from a process's cgroup to the top, of whichever version has the memory.
fn limit_in(cgroup: &str, mounts: &str, read: &dyn Fn(&Path) -> Option<String>) -> Option<u64> {
    let mut least = None;
    for line in cgroup.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(id), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let version2 = id == "0" && controllers.is_empty();
        let file = if version2 {
            "memory.max"
        } else if controllers.split(',').any(|c| c == "memory") {
            "memory.limit_in_bytes"
        } else {
            continue;
        };
        let Some((mount, root)) = mount_of(mounts, version2) else {
            continue;
        };
        // In a container the path may be the host's, of which only the part below the mount's root is to be seen.
        let below = Path::new(path).strip_prefix(&root).unwrap_or(Path::new(""));
        let mut folder = mount.join(below);
        loop {
            let limit = read(&folder.join(file)).and_then(|text| text.trim().parse::<u64>().ok());
            // Version 1 writes "no limit" as a number near the largest.
            least = least
                .into_iter()
                .chain(limit.filter(|&bytes| bytes < 1 << 60))
                .min();
            if folder == mount || !folder.pop() {
                break;
            }
        }
    }
    least
}

/// Where the hierarchy with the memory is mounted, and which part of it that mount shows.
fn mount_of(mounts: &str, version2: bool) -> Option<(PathBuf, PathBuf)> {
    mounts.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let mut after = after.split(' ');
        let (kind, options) = (after.next()?, after.nth(1)?);
        let fits = if version2 {
            kind == "cgroup2"
        } else {
            kind == "cgroup" && options.split(',').any(|o| o == "memory")
        };
        let mut before = before.split(' ').skip(3);
        let (root, mount) = (before.next()?, before.next()?);
        fits.then(|| (PathBuf::from(mount), PathBuf::from(root)))
    })
}

/// The most memory that this process held since the last [`forget_peak`], where the system says so, bytes.
pub(crate) fn peak_rss_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Begins the peak anew, so that each slide of a batch has its own; where the system refuses, it is the process's.
pub(crate) fn forget_peak() {
    drop(fs::write("/proc/self/clear_refs", "5"));
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn limit(cgroup: &str, mounts: &str, files: &[(&str, &str)]) -> Option<u64> {
        limit_in(cgroup, mounts, &|path| {
            let found = files.iter().find(|(name, _)| Path::new(name) == path);
            found.map(|(_, text)| (*text).to_owned())
        })
    }

    #[test]
    fn the_smallest_limit_on_the_way_up_counts() {
        let mounts = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
        let files = [
            ("/sys/fs/cgroup/slurm/job_7/step_0/memory.max", "max\n"),
            ("/sys/fs/cgroup/slurm/job_7/memory.max", "2147483648\n"),
            ("/sys/fs/cgroup/slurm/memory.max", "8589934592\n"),
        ];
        assert_eq!(
            limit("0::/slurm/job_7/step_0\n", mounts, &files),
            Some(2 * GIB)
        );
        assert_eq!(limit("0::/slurm\n", mounts, &files), Some(8 * GIB));
        assert_eq!(limit("0::/\n", mounts, &files), None);
    }

    #[test]
    fn version_1_and_containers_are_understood() {
        let mounts = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 /docker/abc /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
";
        let cgroup = "5:devices:/docker/abc\n4:memory:/docker/abc/job\n1:cpu:/docker/abc\n0::/\n";
        let files = [
            (
                "/sys/fs/cgroup/memory/job/memory.limit_in_bytes",
                "9223372036854771712",
            ),
            ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824"),
        ];
        assert_eq!(limit(cgroup, mounts, &files), Some(GIB));
        // A path that the mount does not show: the mount itself is what there is.
        assert_eq!(limit("4:memory:/elsewhere\n", mounts, &files), Some(GIB));
        assert_eq!(limit(cgroup, mounts, &files[..1]), None);
    }

    #[test]
    fn threads_follow_cores_and_memory() {
        assert_eq!(threads_within(8, None), 8);
        assert_eq!(threads_within(8, Some(64 * GIB)), 8);
        assert_eq!(threads_within(64, Some(GIB)), 7);
        assert_eq!(threads_within(8, Some(100 << 20)), 1);
    }
}
