//! The shell scripts of a pod. Whatever comes from a spec is a single-quoted word in them: nothing in a
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

/// The script of the init container that copies a key: the copy is of this run, readable by its owner alone, and its digest
/// is the termination message.
pub(super) fn copy_key(from: &str, to: &str, file: &str) -> String {
    format!(
        "set -e\n\
         umask 0377\n\
         rm -f {to}/{file}\n\
         cat {from}/{file} > {to}/{file}\n\
         sha256sum < {to}/{file} > /dev/termination-log\n"
    )
}

/// The script of the main container: wait until the sidecar's gate is open, then become the node.
pub(super) fn gated(sidecar_port: u16, process: &Process) -> String {
    let command = match process {
        Process::Default => format!("seid \"start\" \"--home\" \"{HOME}\""),
        Process::Custom(words) => words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" "),
    };
    format!("{}exec {command}\n", gate(sidecar_port))
}

/// The script of a bootstrap's main container: the same gate, then `seid` up to a height.
pub(super) fn halting(sidecar_port: u16, height: i64) -> String {
    format!("{}{}", gate(sidecar_port), run_up_to(height))
}

/// Waits until the sidecar's gate is open.
///
/// bash speaks HTTP itself because the image is only known to have bash, head and grep.
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

/// Runs `seid` up to a height and ends with 0 exactly when it got there.
///
/// At the height `seid` sends itself SIGINT and SIGTERM. It ends with 0 or 130; since sei-chain v6.3.3 also with 143, where
/// the second signal meets it while it closes its stores. Nobody but bash sends `seid` a signal, so a 143 that bash did not
/// ask for is the height. Hence `set -m`: without job control bash starts what
/// runs in the background with SIGINT ignored. It runs there so that bash can pass the kubelet's SIGTERM on: `wait`
/// ends early on a signal, so it is repeated until the process is gone. A `seid` that was told to stop may end with
/// 0, which must not pass for the height.
fn run_up_to(height: i64) -> String {
    let height = quote(&height.to_string());
    format!(
        "set -m\n\
         stopped=\n\
         stop() {{\n  \
           stopped=yes\n  \
           if [ -z \"$!\" ]; then exit 143; fi\n  \
           kill -TERM \"$!\"\n\
         }}\n\
         trap stop TERM\n\
         seid \"start\" \"--home\" \"{HOME}\" \"--halt-height\" {height} &\n\
         while wait \"$!\"; code=$?; kill -0 \"$!\" 2>/dev/null; do :; done\n\
         if [ \"$code\" -eq 130 ]; then exit 0; fi\n\
         if [ -n \"$stopped\" ]; then exit 143; fi\n\
         if [ \"$code\" -eq 143 ]; then exit 0; fi\n\
         exit \"$code\"\n"
    )
}

/// A word that a POSIX shell reads back as it is.
fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests;
