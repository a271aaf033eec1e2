//! CPU and memory of processes, as Linux tells them.

use crate::Result;
use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// What the kernel counts CPU time in for programs: 100 a second, on every architecture of today.
const TICK_MS: u64 = 10;

/// A process's number.
pub(crate) type Pid = u32;

/// This process.
pub(crate) fn own() -> Pid {
    std::process::id()
}

/// CPU time that a process has used, all its threads together.
pub(crate) fn cpu(pid: Pid) -> Result<Duration> {
    Ok(Stat::read(pid)?.used)
}

/// CPU time that a process and those that it has started have used, the ended ones included.
pub(crate) fn cpu_of_family(pid: Pid) -> Result<Duration> {
    let parent = Stat::read(pid)?;
    let mut used = parent.used + parent.used_by_ended;
    for child in children(pid)? {
        // One that has just ended is counted among the parent's from then on.
        if let Ok(stat) = Stat::read(child) {
            used += stat.used + stat.used_by_ended;
        }
    }
    Ok(used)
}

/// The process that started `pid`.
pub(crate) fn parent(pid: Pid) -> Result<Pid> {
    Ok(Stat::read(pid)?.parent)
}

/// The processes that `pid` has started and that still run.
pub(crate) fn children(pid: Pid) -> Result<Vec<Pid>> {
    let all = fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    Ok(all.filter(|child| Stat::read(*child).is_ok_and(|stat| stat.parent == pid)).collect())
}

/// The most memory that a process has had resident since [`forget_peak`].
pub(crate) fn peak_mib(pid: Pid) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse::<f64>().ok());
    Ok(kib.ok_or("no VmHWM")? / 1_024.0)
}

/// Has the peak counted anew.
pub(crate) fn forget_peak(pid: Pid) -> Result<()> {
    Ok(fs::write(format!("/proc/{pid}/clear_refs"), "5")?)
}

/// Where the gateway runs, where it gets a core of its own, and where all else does.
pub(crate) const GATEWAYS_CORE: &str = "0";
pub(crate) const OTHER_CORE: &str = "1";

/// Keeps a process, all its threads, and what it starts from now on, on one core.
pub(crate) fn pin(pid: Pid, core: &str) -> Result<()> {
    let mut taskset = Command::new("taskset");
    let status = taskset
        .args(["--all-tasks", "--cpu-list", "--pid", core, &pid.to_string()])
        .stdout(Stdio::null())
        .status()?;
    if status.success() { Ok(()) } else { Err(format!("taskset ended with {status}").into()) }
}

/// What has wanted to run of late, in the last 1, 5 and 15 minutes.
pub(crate) fn load_average() -> Result<String> {
    let text = fs::read_to_string("/proc/loadavg")?;
    Ok(text.split(' ').take(3).collect::<Vec<_>>().join(", "))
}

/// How long the disk takes to keep a page for good, which bounds how many commits there can be.
pub(crate) fn flush_note() -> Result<String> {
    const FLUSHES: u32 = 50;
    let mut file = tempfile::tempfile()?;
    file.write_all(&[0; 8_192])?;
    file.sync_data()?;
    let started = Instant::now();
    for _ in 0..FLUSHES {
        file.write_all(&[0; 8_192])?;
        file.sync_data()?;
    }
    let (each, folder) = (started.elapsed() / FLUSHES, std::env::temp_dir());
    Ok(format!("One write and flush of 8 KiB in {}: {:.2} ms", folder.display(), ms(each)))
}

/// Milliseconds, for people.
pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

struct Stat {
    parent: Pid,
    used: Duration,
    used_by_ended: Duration,
}

impl Stat {
    /// proc(5): the second field is a name in parentheses, which may hold anything.
    fn read(pid: Pid) -> Result<Self> {
        let text = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"))?;
        let (_, fields) = text.rsplit_once(") ").ok_or("no name in parentheses")?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).ok_or("too few fields");
        let ticks = |first: usize| -> Result<Duration> {
            let (user, system): (u64, u64) = (field(first)?.parse()?, field(first + 1)?.parse()?);
            Ok(Duration::from_millis((user + system) * TICK_MS))
        };
        Ok(Self { parent: field(4)?.parse()?, used: ticks(14)?, used_by_ended: ticks(16)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_knows_its_parent_and_its_size() {
        let stat = Stat::read(own()).unwrap();
        assert_eq!(stat.parent, std::os::unix::process::parent_id());
        assert!(peak_mib(own()).unwrap() > 0.5);
        assert!(children(stat.parent).unwrap().contains(&own()));
    }
}
