//! A real Slurm on this machine: a cohort as a job array, a node that dies in the middle, and the same summary as without.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, which may panic and say what they skip"
)]

mod common;

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{pantrk, shared, text};

const TASKS: u32 = 4;

/// The daemons of a cluster of two nodes, `n1` and `n2`, all on this machine; ended when dropped.
struct Slurm {
    folder: PathBuf,
    daemons: Vec<(&'static str, Child)>,
}

impl Drop for Slurm {
    fn drop(&mut self) {
        drop(self.output("scancel", &["--full", "--user=root"]));
        for node in ["n1", "n2"] {
            kill_work_of(node);
        }
        for (_, daemon) in self.daemons.iter_mut().rev() {
            drop(daemon.kill());
            drop(daemon.wait());
        }
    }
}

impl Slurm {
    /// Starts the cluster, or says why it cannot be.
    fn start(folder: &Path) -> Result<Self, String> {
        if fs::metadata("/proc/self").map_or(1, |me| me.uid()) != 0 {
            return Err("Slurm's daemons want root".to_owned());
        }
        for program in ["munged", "slurmctld", "slurmd", "sbatch"] {
            if find(program).is_none() {
                return Err(format!("no {program} (Debian's slurm-wlm and munge)"));
            }
        }
        fs::create_dir_all(folder.join("state")).unwrap();
        write_key(&folder.join("munge.key"));
        fs::write(folder.join("slurm.conf"), configuration(folder)).unwrap();
        let mut slurm = Self {
            folder: folder.to_path_buf(),
            daemons: Vec::new(),
        };
        let file = |name: &str| folder.join(name).display().to_string();
        let munge = ["key-file", "socket", "pid-file", "log-file", "seed-file"]
            .map(|what| format!("--{what}={}", file(&format!("munge.{}", &what[..3]))));
        slurm.daemon(
            "munged",
            &[
                &["--force".to_owned(), "--foreground".to_owned()],
                &munge[..],
            ]
            .concat(),
        );
        wait_for(Duration::from_secs(5), || folder.join("munge.soc").exists());
        slurm.daemon("slurmctld", &["-D".to_owned()]);
        for node in ["n1", "n2"] {
            slurm.daemon("slurmd", &["-D", "-N", node].map(str::to_owned));
        }
        let idle = || {
            let nodes = slurm.output("sinfo", &["--noheader", "--Node", "--format=%T"]);
            nodes.lines().filter(|&state| state == "idle").count() == 2
        };
        if wait_for(Duration::from_secs(20), idle) {
            return Ok(slurm);
        }
        let log = fs::read_to_string(folder.join("slurmctld.log")).unwrap_or_default();
        let last = log.lines().last().unwrap_or("no log").to_owned();
        Err(format!("Slurm does not start here: {last}"))
    }

    fn daemon(&mut self, program: &'static str, args: &[String]) {
        let mut command = self.command(find(program).unwrap(), args);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.daemons.push((program, child.unwrap()));
    }

    fn command<S: AsRef<std::ffi::OsStr>>(
        &self,
        program: impl AsRef<std::ffi::OsStr>,
        args: &[S],
    ) -> Command {
        let ours = Path::new(env!("CARGO_BIN_EXE_pantrk")).parent().unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(program);
        command
            .args(args)
            .env("SLURM_CONF", self.folder.join("slurm.conf"))
            .env("PATH", format!("{}:{path}", ours.display()))
            .stdin(Stdio::null());
        command
    }

    /// What a command of Slurm prints; its errors too, where it fails.
    fn output(&self, program: &str, args: &[&str]) -> String {
        let output = self.command(program, args).output().unwrap();
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            text.push_str(&String::from_utf8_lossy(&output.stderr));
        }
        text
    }

    /// The tasks of a job that are in a state, as `job_task` and node.
    fn tasks(&self, job: &str, state: &str) -> Vec<(String, String)> {
        let args = ["--noheader", "--array", "--format=%i %T %N", "--jobs", job];
        self.output("squeue", &args)
            .lines()
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                let (task, found) = (words.next()?, words.next()?);
                (found == state).then(|| (task.to_owned(), words.next().unwrap_or("").to_owned()))
            })
            .collect()
    }

    /// The machine of `n2` loses its power: its daemon goes first, so that nobody reports what follows.
    fn kill_n2(&mut self) {
        let at = self.daemons.len() - 1;
        let (name, mut daemon) = self.daemons.remove(at);
        assert_eq!(name, "slurmd");
        daemon.kill().unwrap();
        daemon.wait().unwrap();
        kill_work_of("n2");
    }
}

/// The processes that a node runs for a job, and the daemon above each.
fn work_of(node: &str) -> Vec<(u32, u32)> {
    let wanted = format!("SLURMD_NODENAME={node}");
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        let ours = environment.split(|&byte| byte == 0);
        if !ours.clone().any(|variable| variable == wanted.as_bytes()) {
            continue;
        }
        let status = fs::read_to_string(entry.path().join("status")).unwrap_or_default();
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
        found.push((pid, parent.and_then(|p| p.trim().parse().ok()).unwrap_or(0)));
    }
    found
}

/// Kills a node's jobs without a word to anybody: first the daemon above each, which would report it.
fn kill_work_of(node: &str) {
    let work = work_of(node);
    let name = |pid: u32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let above = work.iter().map(|&(_, parent)| parent);
    let steps = above.filter(|&parent| name(parent).trim() == "slurmstepd");
    for pid in steps.chain(work.iter().map(|&(pid, _)| pid)) {
        // It may be gone already.
        drop(
            Command::new("kill")
                .args(["-KILL", &pid.to_string()])
                .stderr(Stdio::null())
                .status(),
        );
    }
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let folders = path.split(':').chain(["/usr/sbin", "/sbin"]);
    folders
        .map(|folder| Path::new(folder).join(program))
        .find(|file| file.is_file())
}

fn wait_for(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    while started.elapsed() < limit {
        if done() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}

/// Any 128 bytes that only root may read.
fn write_key(path: &Path) {
    let bytes: Vec<u8> = (0..128).map(|i| (i * 37 % 251) as u8).collect();
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o400)).unwrap();
}

fn configuration(folder: &Path) -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let host = host.trim().split('.').next().unwrap().to_owned();
    // Ports that were free a moment ago.
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let ports = listeners.each_ref().map(|l| l.local_addr().unwrap().port());
    let file = |name: &str| folder.join(name).display().to_string();
    let mut text = format!(
        "ClusterName=pantrk\nSlurmctldHost={host}(127.0.0.1)\nSlurmctldPort={}\n\
         SlurmUser=root\nSlurmdUser=root\nAuthType=auth/munge\nAuthInfo=socket={}\nCredType=cred/munge\n\
         StateSaveLocation={}\nSlurmdSpoolDir={}\nSlurmctldPidFile={}\nSlurmdPidFile={}\n\
         SlurmctldLogFile={}\nSlurmdLogFile={}\n",
        ports[0],
        file("munge.soc"),
        file("state"),
        file("spool-%n"),
        file("slurmctld.pid"),
        file("slurmd-%n.pid"),
        file("slurmctld.log"),
        file("slurmd-%n.log"),
    );
    text.push_str(
        "ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nJobAcctGatherType=jobacct_gather/none\n\
         AccountingStorageType=accounting_storage/none\nSelectType=select/cons_tres\nSelectTypeParameters=CR_Core\n\
         SchedulerParameters=sched_min_interval=0,sched_interval=1\nMpiDefault=none\nSwitchType=switch/none\n\
         SlurmdTimeout=5\nSlurmctldTimeout=5\nMessageTimeout=3\nKillWait=2\nReturnToService=2\n",
    );
    for (node, port) in [("n1", ports[1]), ("n2", ports[2])] {
        writeln!(text, "NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=1 RealMemory=2000 State=UNKNOWN").unwrap();
    }
    text.push_str("PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP\n");
    text
}

#[test]
fn a_node_that_dies_costs_time_and_nothing_else() {
    // A socket's path may be 108 bytes long, which a build folder's may already be.
    let folder = tempfile::tempdir().unwrap();
    let mut slurm = match Slurm::start(folder.path()) {
        Ok(slurm) => slurm,
        Err(why) => {
            println!("skipped: {why}");
            return;
        }
    };
    let cohort = shared().join("cohort");
    let size = ["--width", "1200", "--height", "1000"];
    pantrk(
        ["phantom", "cohort", "--count", "12", "--out", text(&cohort)]
            .iter()
            .chain(&size),
    )
    .good();
    let manifest = cohort.join("manifest.csv");

    let (out, alone) = (shared().join("array"), shared().join("alone"));
    let submit = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../workflows/slurm/submit.sh"
    );
    let tasks = TASKS.to_string();
    let args = [
        text(&manifest),
        text(&out),
        &tasks,
        "--model",
        "watershed",
        "--heartbeat",
        "1",
    ];
    let submitted = slurm
        .command(submit, &args)
        .env("SBATCH_EXTRA", "--cpus-per-task=1 --mem=200M")
        .output()
        .unwrap();
    assert!(submitted.status.success(), "{submitted:?}");
    let jobs = String::from_utf8(submitted.stdout).unwrap();
    let (array, collect) = jobs.trim().split_once(' ').unwrap();

    // The program itself runs on n2, not only the script around it.
    let program = |pid: u32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let works = || {
        work_of("n2")
            .iter()
            .any(|&(pid, _)| program(pid).trim() == "pantrk")
    };
    assert!(
        wait_for(Duration::from_secs(30), works),
        "{}",
        slurm.output("squeue", &[])
    );
    let running = slurm.tasks(array, "RUNNING");
    let (task, _) = running
        .iter()
        .find(|(_, node)| node == "n2")
        .unwrap()
        .clone();
    slurm.kill_n2();

    // Slurm sees that the node is gone, and puts its task back.
    let back = || {
        slurm
            .tasks(array, "PENDING")
            .iter()
            .any(|(found, _)| *found == task)
    };
    assert!(
        wait_for(Duration::from_mins(1), back),
        "{}",
        slurm.output("squeue", &[])
    );
    let shown = slurm.output("scontrol", &["show", "job", &task]);
    assert!(shown.contains("Restarts=1"), "{shown}");
    // It would wait two minutes with it.
    slurm.output(
        "scontrol",
        &["update", &format!("JobId={task}"), "StartTime=now"],
    );
    let done = || slurm.output("squeue", &["--noheader"]).trim().is_empty();
    assert!(
        wait_for(Duration::from_mins(2), done),
        "{}",
        slurm.output("squeue", &[])
    );
    let shown = slurm.output("scontrol", &["show", "job", collect]);
    assert!(shown.contains("JobState=COMPLETED"), "{shown}");

    pantrk([
        "batch",
        text(&manifest),
        "--out",
        text(&alone),
        "--model",
        "watershed",
        "--log",
        "quiet",
    ])
    .good();
    pantrk(["collect", text(&alone)]).good();
    let summary = |folder: &Path| fs::read_to_string(folder.join("summary.csv")).unwrap();
    let found = summary(&out);
    assert_eq!(found.lines().count(), 13, "{found}");
    assert_eq!(found, summary(&alone));
}
