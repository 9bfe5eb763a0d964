//! The shell scripts of a node's pods. Whatever comes from a spec is a single-quoted word in them: nothing in a
//! chain id or an entrypoint is ever read as shell (the original spliced both in).

use super::HOME;
use crate::intent::Process;

/// The script of the init container: `seid init` on an empty volume, nothing on one that has a genesis.
pub(super) fn init(chain_id: &str) -> String {
    let chain = quote(chain_id);
    format!(
        "set -e\n\
         if [ -f {HOME}/config/genesis.json ]; then\n  \
           echo 'genesis.json is there: keeping the volume as it is'\n\
         else\n  \
           seid init {chain} --chain-id {chain} --home {HOME} --overwrite\n\
         fi\n\
         mkdir -p {HOME}/tmp\n"
    )
}

/// The script of the main container: wait until the sidecar's gate is open, then become the node.
///
/// bash speaks HTTP itself because the image is only known to have bash, head and grep.
pub(super) fn gated(sidecar_port: u16, process: &Process) -> String {
    let command = match process {
        Process::Default => format!("seid \"start\" \"--home\" \"{HOME}\""),
        Process::Custom(words) => words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" "),
    };
    format!("{}exec {command}\n", gate(sidecar_port))
}

/// The script of a bootstrap pod: wait until the gate is open, run `seid` up to a height, and end well when it got there.
///
/// `seid` stops itself at the height with SIGINT and exits with 130. It is a child of the shell, so the shell passes
/// SIGTERM on to it and waits for it to flush its stores.
pub(super) fn bootstrap(sidecar_port: u16, height: i64) -> String {
    format!(
        "{}seid start --home {HOME} --halt-height {height} &\n\
         seid=$!\n\
         trap 'kill -TERM \"$seid\"' TERM\n\
         wait \"$seid\"\n\
         status=$?\n\
         while kill -0 \"$seid\" 2>/dev/null; do\n  \
           wait \"$seid\"\n  \
           status=$?\n\
         done\n\
         if [ \"$status\" -eq 130 ]; then status=0; fi\n\
         exit \"$status\"\n",
        gate(sidecar_port)
    )
}

/// Waits until the sidecar's gate is open.
fn gate(sidecar_port: u16) -> String {
    format!(
        "echo 'waiting for the sidecar to open the gate'\n\
         gate_is_open() {{\n  \
           exec 3<>/dev/tcp/localhost/{sidecar_port} || return 1\n  \
           printf 'GET /v0/healthz HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3\n  \
           head -n 1 <&3 | grep -q ' 200'\n\
         }}\n\
         until (gate_is_open) 2>/dev/null; do sleep 5; done\n\
         echo 'the gate is open'\n"
    )
}

/// A word that a POSIX shell reads back as it is.
fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// What a real shell makes of a quoted word.
    fn read_back(word: &str) -> String {
        let script = format!("printf %s {}", quote(word));
        let output = Command::new("bash").arg("-c").arg(script).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn a_shell_reads_every_word_back_as_it_was_written() {
        for word in
            ["plain", "two words", "$(touch x)", "`id`", "it's", "a\"b", "\\", "a;b|c&d>e", "*", "", "\n"]
        {
            assert_eq!(read_back(word), word);
        }
    }

    #[test]
    fn a_chain_id_cannot_inject_shell() {
        let script = init("x; touch /tmp/seinode-injected #");
        assert!(script.contains("seid init 'x; touch /tmp/seinode-injected #' --chain-id"), "{script}");
    }

    #[test]
    fn every_script_is_valid_shell() {
        let entrypoint = Process::Custom(vec!["seid".into(), "it's; $(id)".into()]);
        for script in [init("a'b"), gated(7777, &Process::Default), gated(1, &entrypoint), bootstrap(7777, 5)]
        {
            let status = Command::new("bash").arg("-n").arg("-c").arg(&script).status().unwrap();
            assert!(status.success(), "{script}");
        }
    }

    /// Runs the part after the gate with a `seid` of our own, and says how it exits.
    fn bootstrapped(seid: &str) -> std::process::Child {
        let script = bootstrap(7777, 5).replace(&gate(7777), &format!("seid() {{ {seid}; }}\n"));
        assert!(!script.contains("/dev/tcp"), "{script}");
        Command::new("bash").arg("-c").arg(script).stdout(std::process::Stdio::piped()).spawn().unwrap()
    }

    #[test]
    fn a_bootstrap_ends_well_at_its_height_and_badly_otherwise() {
        for (seid, expected) in [("exit 130", 0), ("exit 0", 0), ("exit 3", 3)] {
            assert_eq!(bootstrapped(seid).wait().unwrap().code(), Some(expected), "{seid}");
        }
    }

    #[test]
    fn a_bootstrap_that_is_stopped_passes_the_signal_on_and_waits_for_seid() {
        use std::io::{BufRead, BufReader};
        let seid = "trap 'echo flushed; exit 7' TERM; echo up; while :; do sleep 0.05; done";
        let mut shell = bootstrapped(seid);
        let mut lines = BufReader::new(shell.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "up");
        let id = shell.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert_eq!(lines.next().unwrap().unwrap(), "flushed");
        assert_eq!(shell.wait().unwrap().code(), Some(7));
    }

    /// The contract of the original's tests (crd-and-workload §3.5).
    #[test]
    fn the_gate_keeps_its_observable_contract() {
        let script = gated(7777, &Process::Default);
        for part in
            ["/dev/tcp/localhost/7777", "GET /v0/healthz HTTP/1.0", "exec seid \"start\" \"--home\" \"/sei\""]
        {
            assert!(script.contains(part), "{part} is missing in {script}");
        }
    }

    /// Runs the real script against a real listener that is shut once and then open.
    #[test]
    fn the_gate_lets_the_process_start_only_after_a_200() {
        use std::{
            io::{BufRead, BufReader, Write},
            net::TcpListener,
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let serve = move || {
            ["503 Service Unavailable", "200 OK"].map(|answer| {
                let (mut stream, _) = listener.accept().unwrap();
                // To its end: what is left unread would reset the connection before the answer is read.
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let request: Vec<_> =
                    lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
                write!(stream, "HTTP/1.1 {answer}\r\n\r\n").unwrap();
                request[0].clone()
            })
        };
        let server = std::thread::Builder::new().spawn(serve).unwrap();
        let process = Process::Custom(vec!["echo".into(), "started $HOME".into()]);
        let script = gated(port, &process).replace("sleep 5", "sleep 0.1");
        let output = Command::new("timeout").args(["30", "bash", "-c", &script]).output().unwrap();
        assert_eq!(server.join().unwrap(), ["GET /v0/healthz HTTP/1.0"; 2]);
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.ends_with("the gate is open\nstarted $HOME\n"), "{said}");
    }
}
