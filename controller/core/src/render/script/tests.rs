//! The scripts, as a real bash reads and runs them.

use std::process::Command;

use super::*;
use crate::keys::Digest;

/// Text that a real shell makes of a quoted word.
fn read_back(word: &str) -> String {
    let script = format!("printf %s {}", quote(word));
    let output = Command::new("bash").arg("-c").arg(script).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_shell_reads_every_word_back_as_it_was_written() {
    for word in ["plain", "two words", "$(touch x)", "`id`", "it's", "a\"b", "\\", "a;b|c&d>e", "*", "", "\n"]
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
    for script in [
        init("a'b"),
        copy_key("/from", "/to", "key"),
        gated(7777, &Process::Default),
        gated(1, &entrypoint),
        halting(7777, i64::MAX),
    ] {
        let status = Command::new("bash").arg("-n").arg("-c").arg(&script).status().unwrap();
        assert!(status.success(), "{script}");
    }
}

#[test]
fn a_key_is_copied_for_its_owner_alone_with_its_digest() {
    use std::{fs, os::unix::fs::PermissionsExt};
    let home = std::env::temp_dir().join(format!("seinode-copy-{}", std::process::id()));
    let (from, to, log) = (home.join("from"), home.join("to"), home.join("log"));
    fs::create_dir_all(&from).unwrap();
    fs::create_dir_all(&to).unwrap();
    let script = copy_key(from.to_str().unwrap(), to.to_str().unwrap(), "key.json");
    let script = script.replace("/dev/termination-log", log.to_str().unwrap());
    let run = || Command::new("sh").arg("-c").arg(&script).status().unwrap().success();
    assert!(!run(), "there is nothing to copy");
    // A second run, as in another sandbox, copies what there is then.
    for content in ["first\n", "second"] {
        fs::write(from.join("key.json"), content).unwrap();
        assert!(run());
        let copy = to.join("key.json");
        assert_eq!(fs::read_to_string(&copy).unwrap(), content);
        assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o400);
        let reported = fs::read_to_string(&log).unwrap();
        assert_eq!(Digest::parse(&reported), Some(Digest::of(content.as_bytes())), "{reported}");
    }
    fs::remove_dir_all(&home).unwrap();
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
            let request: Vec<_> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
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

/// The script in a bash for which `PATH` is empty: the exit code, the output and the termination message.
fn gives_up(script: &str) -> (Option<i32>, String) {
    let log = std::env::temp_dir().join(format!("seinode-gate-{}-{}", std::process::id(), script.len()));
    let script = script.replace("/dev/termination-log", log.to_str().unwrap());
    let bash = Command::new("sh").args(["-c", "command -v bash"]).output().unwrap();
    let bash = String::from_utf8(bash.stdout).unwrap();
    let output = Command::new(bash.trim()).env("PATH", "").arg("-c").arg(&script).output().unwrap();
    let told = std::fs::read_to_string(&log).unwrap_or_default();
    std::fs::remove_file(&log).ok();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.ends_with(&told), "{said}");
    (output.status.code(), told)
}

/// Such a container would wait for ever, and nobody would hear why.
#[test]
fn an_image_in_which_the_gate_cannot_be_awaited_is_reported() {
    let script = gated(1, &Process::Default);
    let missing = "the image cannot start the node: it has no sleep\n";
    assert_eq!(gives_up(&script), (Some(1), missing.into()));
    assert_eq!(gives_up(&halting(1, 7)), (Some(1), missing.into()));
    // A bash without network redirections looks for a file.
    let script = script.replace("command -v sleep", "true").replace("/dev/tcp/localhost", "/dev/absent");
    assert_eq!(
        gives_up(&script),
        (Some(1), "the image cannot start the node: its bash has no /dev/tcp\n".into())
    );
}

#[test]
fn a_program_that_the_image_lacks_is_reported_once_the_gate_is_open() {
    let opened = |process: &Process| {
        let script = gated(1, process);
        script.split_once("echo 'the gate is open'").map(|(gate, rest)| {
            let (_, begin) = gate.split_once("give_up() {").unwrap();
            let (begin, _) = begin.split_once("\n}\n").unwrap();
            format!("give_up() {{{begin}\n}}\necho 'the gate is open'{rest}")
        })
    };
    for (process, program) in
        [(Process::Default, "seid"), (Process::Custom(vec!["/no/it's".into(), "x".into()]), "/no/it's")]
    {
        let told = format!("the image cannot start the node: it has no program {program}\n");
        assert_eq!(gives_up(&opened(&process).unwrap()), (Some(1), told));
    }
}

/// The end of the bootstrap's script, with a program that does this in the place of `seid`. It is no shell function:
/// bash ignores other signals in one that runs in the background.
fn ends_with(seid: &str) -> (Option<i32>, String) {
    let program = format!("bash -c {} seid \"start\"", quote(seid));
    let script = run_up_to(7).replace("seid \"start\"", &program);
    let output = Command::new("timeout").args(["30", "bash", "-c", &script]).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn seid_is_run_up_to_the_height() {
    assert_eq!(ends_with("echo \"$@\""), (Some(0), "start --home /sei --halt-height 7\n".into()));
}

#[test]
fn a_halt_at_the_height_is_a_success_and_every_other_end_is_told_as_it_is() {
    // As seid halts. Were the signal ignored, it would go on to the 9.
    assert_eq!(ends_with("kill -INT $$; exit 9").0, Some(0));
    // Since v6.3.3 the second signal may meet it while it closes its stores.
    assert_eq!(ends_with("trap : INT; kill -INT $$; kill -TERM $$; exit 9").0, Some(0));
    for (code, told) in [(130, 0), (0, 0), (1, 1), (3, 3), (137, 137), (143, 0)] {
        assert_eq!(ends_with(&format!("exit {code}")).0, Some(told), "{code}");
    }
}

/// A 0 after SIGTERM must not pass for the height: the Job would be complete, and the plan go on with too little.
#[test]
fn a_stop_reaches_seid_is_waited_for_and_is_no_success() {
    for (code, told) in [(0, 143), (7, 143), (143, 143), (130, 0)] {
        // Without the signal it ends by itself, with 9: nothing is left behind when this test fails.
        let seid = format!(
            "trap 'echo flushed; exit {code}' TERM\nkill -TERM $PPID\nfor ((i = 0; i < 2000000; i++)); do :; done\nexit 9"
        );
        assert_eq!(ends_with(&seid), (Some(told), "flushed\n".into()), "{code}");
    }
}

#[test]
fn a_bootstrap_waits_for_the_gate_as_the_node_does() {
    let process = gated(7777, &Process::Default);
    let (gate, _) = process.split_once("exec seid").unwrap();
    assert_eq!(halting(7777, 7), format!("{gate}{}", run_up_to(7)));
}
