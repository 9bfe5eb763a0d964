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
    match process {
        Process::Default => {
            format!("{}exec seid \"start\" \"--home\" \"{HOME}\"\n", gate(sidecar_port, "seid"))
        }
        Process::Custom(words) => {
            let words: Vec<_> = words.iter().map(|word| quote(word)).collect();
            let program = words.first().map_or("seid", String::as_str);
            format!("{}exec {}\n", gate(sidecar_port, program), words.join(" "))
        }
    }
}

/// The script of a bootstrap's main container: the same gate, then `seid` up to a height.
pub(super) fn halting(sidecar_port: u16, height: i64) -> String {
    format!("{}{}", gate(sidecar_port, "seid"), run_up_to(height))
}

/// Waits until the sidecar's gate is open. An image in which it cannot wait, or cannot start `program` afterwards, ends the
/// container with a termination message: condition Ready repeats it.
///
/// bash speaks HTTP itself because the image is only known to have bash and sleep. A bash without network redirections
/// looks for a file of the name. The program may come onto the volume while the gate is shut.
fn gate(sidecar_port: u16, program: &str) -> String {
    format!(
        "echo 'waiting for the sidecar to open the gate'\n\
         give_up() {{\n  \
           echo \"the image cannot start the node: $1\"\n  \
           echo \"the image cannot start the node: $1\" > /dev/termination-log\n  \
           exit 1\n\
         }}\n\
         command -v sleep >/dev/null || give_up 'it has no sleep'\n\
         gate_is_open() {{\n  \
           exec 3<>/dev/tcp/localhost/{sidecar_port} || return 1\n  \
           printf 'GET /v0/healthz HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3\n  \
           read -r answer <&3\n  \
           [[ $answer == *' 200'* ]]\n\
         }}\n\
         until why=$(gate_is_open 2>&1); do\n  \
           case $why in *'No such file'*) give_up 'its bash has no /dev/tcp' ;; esac\n  \
           sleep 5\n\
         done\n\
         echo 'the gate is open'\n\
         command -v -- {program} >/dev/null || give_up 'it has no program '{program}\n"
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
