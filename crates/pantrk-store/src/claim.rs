//! `<slide-id>.claim`: keeps two processes off one slide, on one machine or on many that share a file system.
//!
//! A claim is a small file that is made exclusively (`O_EXCL`, which network file systems honour) and rewritten with every heartbeat.
//! Its age is taken from the file system's own clock, so machines whose clocks differ agree.
//! A claim of a process that is gone is taken over: at once where that process ran on this machine, else when six heartbeats have been missed.
//! No file locks: network file systems keep them unreliably or not at all.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::StoreError;

/// Ends the name of a claim.
pub(crate) const CLAIM: &str = ".claim";
/// After so many missed heartbeats a claim is stale.
const MISSED: u32 = 6;
/// The heartbeat of a claim that cannot be read, as one is for a moment between its making and its writing.
const UNKNOWN_HEARTBEAT: Duration = Duration::from_secs(5);

/// How long after a take-over one looks whether it held.
const LAST_LOOK: Duration = Duration::from_millis(20);

/// Who works on a slide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClaimHolder {
    /// The machine's name.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// Tells one start of a machine from another; empty where the system does not say.
    boot: String,
    /// Tells containers of one machine apart; empty where the system does not say.
    pid_namespace: String,
    /// When the process began, in the kernel's count: a process id is used again.
    pid_started: String,
    /// Seconds between two heartbeats.
    heartbeat_s: f64,
    /// Tells two claims of one process apart.
    nonce: String,
}

impl ClaimHolder {
    /// This process.
    fn me(heartbeat: Duration) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let pid = std::process::id();
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let seed = format!(
            "{} {pid} {} {}",
            host_name(),
            now.unwrap_or_default().as_nanos(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let digest = Sha256::digest(seed.as_bytes());
        let number = digest
            .iter()
            .take(8)
            .fold(0, |n, &b| (n << 8) | u64::from(b));
        Self {
            host: host_name(),
            pid,
            boot: line_of("/proc/sys/kernel/random/boot_id"),
            pid_namespace: fs::read_link("/proc/self/ns/pid")
                .map(|target| target.display().to_string())
                .unwrap_or_default(),
            pid_started: started(pid).unwrap_or_default(),
            heartbeat_s: heartbeat.as_secs_f64(),
            nonce: format!("{number:016x}"),
        }
    }

    /// Whether its process is known to run, or to be gone; `None` if it is beyond this machine's sight.
    fn runs(&self, me: &Self) -> Option<bool> {
        let in_sight = !self.boot.is_empty()
            && self.boot == me.boot
            && !self.pid_namespace.is_empty()
            && self.pid_namespace == me.pid_namespace;
        in_sight.then(|| started(self.pid).is_some_and(|begun| begun == self.pid_started))
    }
}

/// What came of asking for a slide.
#[derive(Debug)]
pub enum Claimed {
    /// The slide is ours.
    Ours(Claim),
    /// Another process works on it; unknown while that is writing its claim.
    Held(Option<ClaimHolder>),
}

/// Our claim on a slide; dropped, it is given back.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    me: ClaimHolder,
}

impl Claim {
    /// Claims a slide of a results folder; a stale claim is taken over.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn take(out: &Path, slide_id: &str, heartbeat: Duration) -> Result<Claimed, StoreError> {
        let path = out.join(format!("{slide_id}{CLAIM}"));
        let failed = |e| StoreError::io("claim the slide", &path, e);
        fs::create_dir_all(out).map_err(|e| StoreError::io("make the result folder", out, e))?;
        let me = ClaimHolder::me(heartbeat);
        let text = me.text(0).map_err(failed)?;
        // More than once: the claim may be given back between asking and looking.
        for _ in 0..3 {
            if created(&path, &text).map_err(failed)? {
                return Ok(Claimed::Ours(Self { path, me }));
            }
            let Some(holder) = holder(&path).map_err(failed)? else {
                continue;
            };
            if !is_stale(&path, holder.as_ref(), &me).map_err(failed)? {
                return Ok(Claimed::Held(holder));
            }
            if take_over(&path, holder.as_ref(), &me, &text).map_err(failed)? {
                return Ok(Claimed::Ours(Self { path, me }));
            }
        }
        let holder = holder(&path).map_err(failed)?;
        Ok(Claimed::Held(holder.flatten()))
    }

    /// Says that this process is alive; `false` if the claim is no longer ours, and the slide must be let go.
    ///
    /// # Errors
    /// If the claim cannot be read or written.
    pub fn beat(&self, count: u64) -> Result<bool, StoreError> {
        let failed = |e| StoreError::io("renew the claim on the slide", &self.path, e);
        if !self.is_ours()? {
            return Ok(false);
        }
        // In place and of one length: a reader never finds it cut short.
        let text = self.me.text(count).map_err(failed)?;
        match OpenOptions::new().write(true).open(&self.path) {
            Ok(mut file) => file.write_all(text.as_bytes()).map_err(failed)?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(e) => return Err(failed(e)),
        }
        Ok(true)
    }

    /// Whether the slide is still ours.
    ///
    /// # Errors
    /// If the claim cannot be read.
    pub fn is_ours(&self) -> Result<bool, StoreError> {
        let found = holder(&self.path)
            .map_err(|e| StoreError::io("read the claim on the slide", &self.path, e))?;
        Ok(found.flatten().is_some_and(|h| h.nonce == self.me.nonce))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.is_ours().unwrap_or(false) {
            // A drop cannot report; a claim that stays behind is found to be stale.
            drop(fs::remove_file(&self.path));
        }
    }
}

/// What a claim shows of its process.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimSign {
    /// Who holds it; unknown while it is being written.
    pub holder: Option<ClaimHolder>,
    /// The count of its heartbeats: a greater one later is a sign of life.
    pub beat: u64,
    /// Whether its process is known to run, because it runs on this machine.
    pub runs: bool,
}

/// Looks at the claim on a slide of a results folder; `None` if nobody has one.
///
/// # Errors
/// If the claim cannot be read.
pub fn claim_sign(out: &Path, slide_id: &str) -> Result<Option<ClaimSign>, StoreError> {
    let path = out.join(format!("{slide_id}{CLAIM}"));
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(StoreError::io("read the claim on the slide", &path, e)),
    };
    let mut lines = text.lines();
    let holder: Option<ClaimHolder> = lines.next().and_then(|l| serde_json::from_str(l).ok());
    let beat = lines
        .next()
        .and_then(|l| l.strip_prefix("beat ")?.parse().ok());
    let me = ClaimHolder::me(UNKNOWN_HEARTBEAT);
    Ok(Some(ClaimSign {
        beat: beat.unwrap_or(0),
        runs: holder.as_ref().and_then(|h| h.runs(&me)) == Some(true),
        holder,
    }))
}

/// Removes a claim that a dead process left on a slide that needs no work any more.
///
/// # Errors
/// If the folder cannot be read or written.
pub fn clear_stale_claim(out: &Path, slide_id: &str) -> Result<(), StoreError> {
    if out.join(format!("{slide_id}{CLAIM}")).exists() {
        // Taken over if it is stale, and given back at once.
        drop(Claim::take(out, slide_id, UNKNOWN_HEARTBEAT)?);
    }
    Ok(())
}

/// Whether a living process works on a slide of a results folder, as far as can be told from here.
///
/// # Errors
/// If the folder cannot be read or written.
pub fn is_claimed(out: &Path, slide_id: &str) -> Result<bool, StoreError> {
    let path = out.join(format!("{slide_id}{CLAIM}"));
    let failed = |e| StoreError::io("read the claim on the slide", &path, e);
    match holder(&path).map_err(failed)? {
        None => Ok(false),
        Some(holder) => {
            let me = ClaimHolder::me(UNKNOWN_HEARTBEAT);
            is_stale(&path, holder.as_ref(), &me)
                .map(|stale| !stale)
                .map_err(failed)
        }
    }
}

impl ClaimHolder {
    fn text(&self, beat: u64) -> io::Result<String> {
        let me = serde_json::to_string(self).map_err(io::Error::other)?;
        Ok(format!("{me}\nbeat {beat:020}\n"))
    }
}

/// Makes a file that is not there; `false` if it is.
fn created(path: &Path, text: &str) -> io::Result<bool> {
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => {
            if let Err(error) = file.write_all(text.as_bytes()) {
                // An empty claim, as a full disk leaves it, would keep everybody out for a while.
                drop(fs::remove_file(path));
                return Err(error);
            }
            Ok(true)
        }
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(e),
    }
}

/// The holder of a claim: outer `None` if there is no claim, inner `None` if it cannot be read (yet).
#[expect(
    clippy::option_option,
    reason = "no claim, and a claim of an unknown holder, are two things"
)]
fn holder(path: &Path) -> io::Result<Option<Option<ClaimHolder>>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(
            text.lines()
                .next()
                .and_then(|line| serde_json::from_str(line).ok()),
        )),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) if e.kind() == io::ErrorKind::InvalidData => Ok(Some(None)),
        Err(e) => Err(e),
    }
}

fn is_stale(path: &Path, holder: Option<&ClaimHolder>, me: &ClaimHolder) -> io::Result<bool> {
    if let Some(runs) = holder.and_then(|holder| holder.runs(me)) {
        return Ok(!runs);
    }
    let heartbeat = holder
        .and_then(|h| Duration::try_from_secs_f64(h.heartbeat_s).ok())
        .unwrap_or(UNKNOWN_HEARTBEAT);
    Ok(age(path, me)? > heartbeat * MISSED)
}

/// How long ago a file was written, by the clock of the file system that holds it; zero if it is gone.
fn age(path: &Path, me: &ClaimHolder) -> io::Result<Duration> {
    let probe = beside(path, "probe", me);
    fs::write(&probe, "")?;
    let now = fs::metadata(&probe).and_then(|m| m.modified());
    fs::remove_file(&probe)?;
    match fs::metadata(path).and_then(|m| m.modified()) {
        Ok(written) => Ok(now?.duration_since(written).unwrap_or_default()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Duration::ZERO),
        Err(e) => Err(e),
    }
}

/// Puts our claim in the place of a stale one; `false` if somebody was quicker.
///
/// Only who holds the take-over file may do so, and looks again after getting it: of many that find one stale claim, one gets the slide.
/// Should two hold it after all, because one found it stale too late, both look a last time, and the later one has the slide.
fn take_over(
    path: &Path,
    stale: Option<&ClaimHolder>,
    me: &ClaimHolder,
    text: &str,
) -> io::Result<bool> {
    let mut gate = path.as_os_str().to_owned();
    gate.push(".takeover");
    let gate = PathBuf::from(gate);
    if !created(&gate, text)? {
        // Held for a moment only, unless its process was killed in that moment.
        if let Some(keeper) = holder(&gate)?
            && is_stale(&gate, keeper.as_ref(), me)?
        {
            drop(fs::remove_file(&gate));
        }
        return Ok(false);
    }
    let replace = || {
        let found = holder(path)?;
        let same = found.as_ref().is_some_and(|found| found.as_ref() == stale);
        if !same || !is_stale(path, stale, me)? {
            return Ok(false);
        }
        let ours = beside(path, "new", me);
        fs::write(&ours, text)?;
        fs::rename(&ours, path)?;
        std::thread::sleep(LAST_LOOK);
        Ok(holder(path)?
            .flatten()
            .is_some_and(|now| now.nonce == me.nonce))
    };
    let taken = replace();
    fs::remove_file(&gate)?;
    taken
}

fn beside(path: &Path, what: &str, me: &ClaimHolder) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{what}-{}", me.nonce));
    PathBuf::from(name)
}

/// When a process began, in the kernel's count; `None` if there is none, or one that has ended and is not buried yet.
fn started(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name, in brackets, may hold anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?;
    (!matches!(state, "Z" | "X")).then(|| fields.nth(18).map(str::to_owned))?
}

/// This machine's name.
pub fn host_name() -> String {
    let named = [
        line_of("/proc/sys/kernel/hostname"),
        std::env::var("HOSTNAME").unwrap_or_default(),
        line_of("/etc/hostname"),
    ];
    let name = named.into_iter().find(|name| !name.is_empty());
    name.unwrap_or_else(|| "unknown".to_owned())
}

fn line_of(path: &str) -> String {
    fs::read_to_string(path)
        .map(|text| text.trim().to_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEAT: Duration = Duration::from_secs(20);

    fn take(out: &Path) -> Claimed {
        Claim::take(out, "s1", BEAT).unwrap()
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// A claim as another process would have left it.
    fn left_by(out: &Path, change: impl FnOnce(&mut ClaimHolder)) {
        let mut other = ClaimHolder::me(BEAT);
        change(&mut other);
        fs::write(out.join("s1.claim"), other.text(3).unwrap()).unwrap();
    }

    fn age_by(out: &Path, seconds: u64) {
        let file = OpenOptions::new()
            .write(true)
            .open(out.join("s1.claim"))
            .unwrap();
        let then = SystemTime::now() - Duration::from_secs(seconds);
        file.set_modified(then).unwrap();
    }

    #[test]
    fn one_slide_has_one_claim_until_it_is_given_back() {
        let out = tempfile::tempdir().unwrap();
        let Claimed::Ours(claim) = take(out.path()) else {
            panic!("free")
        };
        assert!(is_claimed(out.path(), "s1").unwrap());
        assert!(!is_claimed(out.path(), "s2").unwrap());
        let Claimed::Held(Some(holder)) = take(out.path()) else {
            panic!("held")
        };
        assert_eq!(holder.pid, std::process::id());
        assert_eq!(holder.host, host_name());
        assert!(claim.beat(1).unwrap() && claim.is_ours().unwrap());
        let sign = claim_sign(out.path(), "s1").unwrap().unwrap();
        assert_eq!((sign.holder, sign.beat), (Some(holder), 1));
        assert_eq!(sign.runs, Path::new("/proc/self/stat").exists());
        assert_eq!(claim_sign(out.path(), "s2").unwrap(), None);
        assert_eq!(names(out.path()), ["s1.claim"]);
        drop(claim);
        assert_eq!(names(out.path()), [""; 0]);
        assert!(matches!(take(out.path()), Claimed::Ours(_)));
    }

    #[test]
    fn a_dead_process_of_this_machine_is_seen_at_once() {
        if !Path::new("/proc/self/stat").exists() {
            return println!("skipped: no /proc");
        }
        let out = tempfile::tempdir().unwrap();
        // Its id is in use again, by a process that began at another time.
        left_by(out.path(), |other| other.pid_started = "1".to_owned());
        assert!(!is_claimed(out.path(), "s1").unwrap());
        assert!(matches!(take(out.path()), Claimed::Ours(_)));
        // A process that ended and waits for its parent is dead as well.
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let begun = started(child.id()).unwrap_or_default();
        std::thread::sleep(Duration::from_millis(300));
        left_by(out.path(), |other| {
            other.pid = child.id();
            other.pid_started = begun;
        });
        assert!(matches!(take(out.path()), Claimed::Ours(_)));
        child.wait().unwrap();
        assert_eq!(names(out.path()), [""; 0]);
    }

    #[test]
    fn a_silent_process_elsewhere_is_waited_for_and_then_replaced() {
        let out = tempfile::tempdir().unwrap();
        left_by(out.path(), |other| {
            other.boot = "another machine".to_owned();
        });
        age_by(out.path(), 100);
        assert!(matches!(take(out.path()), Claimed::Held(Some(_))));
        age_by(out.path(), 130);
        let Claimed::Ours(claim) = take(out.path()) else {
            panic!("stale")
        };
        assert!(claim.beat(1).unwrap());
        // What another process takes from us we notice, and leave to it.
        left_by(out.path(), |other| {
            other.boot = "another machine".to_owned();
        });
        assert!(!claim.beat(2).unwrap());
        drop(claim);
        assert_eq!(names(out.path()), ["s1.claim"]);
    }

    #[test]
    fn a_claim_that_is_being_written_is_respected() {
        let out = tempfile::tempdir().unwrap();
        fs::write(out.path().join("s1.claim"), "").unwrap();
        assert!(matches!(take(out.path()), Claimed::Held(None)));
        age_by(out.path(), 40);
        assert!(matches!(take(out.path()), Claimed::Ours(_)));
    }

    #[test]
    fn a_kill_in_the_middle_of_a_take_over_bars_nobody() {
        if !Path::new("/proc/self/stat").exists() {
            return println!("skipped: no /proc");
        }
        let out = tempfile::tempdir().unwrap();
        left_by(out.path(), |other| "1".clone_into(&mut other.pid_started));
        let claim = out.path().join("s1.claim");
        fs::copy(&claim, out.path().join("s1.claim.takeover")).unwrap();
        assert!(matches!(take(out.path()), Claimed::Ours(_)));
        assert_eq!(names(out.path()), [""; 0]);
        left_by(out.path(), |other| "1".clone_into(&mut other.pid_started));
        clear_stale_claim(out.path(), "s1").unwrap();
        clear_stale_claim(out.path(), "s1").unwrap();
        assert_eq!(names(out.path()), [""; 0]);
    }

    #[test]
    fn of_many_that_find_a_stale_claim_one_gets_the_slide() {
        let out = tempfile::tempdir().unwrap();
        for round in 0..30 {
            left_by(out.path(), |other| other.boot = format!("round {round}"));
            age_by(out.path(), 500);
            let ours: Vec<Claimed> = std::thread::scope(|scope| {
                let takers: Vec<_> = (0..8).map(|_| scope.spawn(|| take(out.path()))).collect();
                takers.into_iter().map(|t| t.join().unwrap()).collect()
            });
            let count = ours
                .iter()
                .filter(|c| matches!(c, Claimed::Ours(_)))
                .count();
            assert_eq!(count, 1, "round {round}");
            drop(ours);
            assert_eq!(names(out.path()), [""; 0]);
        }
    }
}
