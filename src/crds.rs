//! `seinode-operator crds`: the resource definitions on standard output. It talks to no cluster.

use std::io::{self, Write};

/// Reason why nothing could be printed.
#[derive(Debug, thiserror::Error)]
pub enum CannotPrint {
    /// The definition cannot be written as YAML; a defect of ours.
    #[error(transparent)]
    Yaml(#[from] serde_norway::Error),
    /// Standard output is closed.
    #[error("standard output: {0}")]
    Output(#[source] io::Error),
}

/// Prints all definitions. A reader that stops early (`| head`) is not an error.
///
/// # Errors
/// When the definitions cannot be written as YAML, or standard output fails.
pub fn print() -> Result<(), CannotPrint> {
    let yaml = seinode_api::crd::yaml()?;
    let mut out = io::stdout().lock();
    match out.write_all(yaml.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CannotPrint::Output(error)),
        _ => Ok(()),
    }
}
