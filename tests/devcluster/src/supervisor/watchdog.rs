//! The watchdog: a process that lives as long as its owner and then ends what the owner left behind.

use std::io::BufRead as _;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

use super::OWNER;
use super::inventory::Inventory;

/// Grace period of processes between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(1);

/// Listens until the owner's end of the pipe is closed, cleans up and exits.
pub(super) fn serve(mark: &str) -> ! {
    // Ctrl-C in a terminal or a CI runner's SIGTERM may reach us too; we are the one who must stay to the end.
    let listening = hold_signals();
    let mut inventory = Inventory::default();
    for line in std::io::stdin().lock().lines() {
        match line {
            Ok(line) => inventory.apply(&line),
            Err(_) => break,
        }
    }
    end(&inventory, mark);
    drop(listening);
    std::process::exit(0)
}

fn hold_signals() -> Option<tokio::runtime::Runtime> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().ok()?;
    runtime.block_on(async {
        for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
            // Once registered, a signal's default action does not come back, even if nobody listens any more.
            let _ = signal(kind);
        }
    });
    Some(runtime)
}

fn end(inventory: &Inventory, mark: &str) {
    // The last one started depends on those before it.
    let processes: Vec<Pid> =
        inventory.processes.iter().rev().filter_map(|pid| Pid::from_raw(*pid)).collect();
    for pid in &processes {
        let _ = kill_process_group(*pid, Signal::TERM);
    }
    let deadline = Instant::now() + GRACE;
    while Instant::now() < deadline && processes.iter().any(|pid| lives(*pid)) {
        std::thread::sleep(Duration::from_millis(20));
    }
    for pid in &processes {
        let _ = kill_process_group(*pid, Signal::KILL);
    }
    end_marked(mark);
    crate::host::release_of(mark);
    for directory in &inventory.directories {
        // A process that was killed a moment ago may still have been writing there.
        for _ in 0..20 {
            if std::fs::remove_dir_all(directory).is_ok() || !directory.exists() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Kills every process that an owner with this mark started, and what these started.
pub(crate) fn end_marked(mark: &str) {
    for pid in marked(mark) {
        let _ = rustix::process::kill_process(pid, Signal::KILL);
    }
}

fn lives(group: Pid) -> bool {
    test_kill_process_group(group).is_ok()
}

/// Processes with the owner's mark in their environment. Only Linux can say; elsewhere there are none.
fn marked(mark: &str) -> Vec<Pid> {
    let wanted = format!("{OWNER}={mark}");
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    processes
        .flatten()
        .filter(|entry| {
            std::fs::read(entry.path().join("environ")).is_ok_and(|environment| {
                environment.split(|byte| *byte == 0).any(|pair| pair == wanted.as_bytes())
            })
        })
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(Pid::from_raw)
        .collect()
}
