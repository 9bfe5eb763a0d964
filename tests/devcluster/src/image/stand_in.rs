//! Images that stand in on a real node for programs that are not ours, made of what is on this machine.
//!
//! | Image | In place of | Made of |
//! |---|---|---|
//! | [`pause`] | what holds a pod's namespaces | this executable |
//! | [`sidecar`] | `seictl serve` | this executable: our simulated sidecar, for one node |
//! | [`seid`] | the node software | a script on Debian's static busybox and bash |

use std::path::PathBuf;

use super::{File, Image, ImageError, closure, program};
use crate::stand_in;

/// The name under which the container runtime looks for the image of [`pause`].
pub const PAUSE: &str = "devcluster.sei.io/pause:1";

/// The static shells that the image of [`seid`] is made of.
#[derive(Clone, Debug)]
pub struct Statics {
    /// busybox, of Debian's package `busybox-static`.
    pub busybox: PathBuf,
    /// bash, of Debian's package `bash-static`.
    pub bash: PathBuf,
}

/// What the stand-in of `seid` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seid {
    /// It runs, and says that it has caught up with its chain.
    Runs,
    /// It ends at once, as a release does that does not fit the chain.
    Crashes,
}

/// What is said to be `seid`. `init` leaves what the operator's init container looks for; `start` answers the probe of
/// readiness.
const RUNS: &str = "\
#!/bin/sh
set -e
home=/sei
case \"$1\" in
init) mkdir -p $home/config && echo '{}' > $home/config/genesis.json ;;
start)
    mkdir -p $home/tmp/www && echo '{\"lag\":0}' > $home/tmp/www/lag_status
    echo 'seid runs'
    exec busybox httpd -f -p 26657 -h $home/tmp/www
    ;;
*) echo \"this seid knows init and start, not $1\" >&2; exit 2 ;;
esac
";
const CRASHES: &str = "\
#!/bin/sh
case \"$1\" in
init) mkdir -p /sei/config && echo '{}' > /sei/config/genesis.json ;;
*) echo 'this seid does not fit the chain' >&2; exit 42 ;;
esac
";

/// What holds a pod's namespaces.
///
/// # Errors
/// When a file of this machine cannot be read.
pub fn pause() -> Result<Image, ImageError> {
    let program = format!("/bin/{}", stand_in::PAUSE);
    Ok(closure::put(Image::named(PAUSE), &ourselves()?, &program)?.started_with(&[&program]))
}

/// The sidecar, under the name that pods ask for.
///
/// # Errors
/// When a file of this machine cannot be read.
pub fn sidecar(name: &str) -> Result<Image, ImageError> {
    let image = closure::put(Image::named(name), &ourselves()?, &format!("/bin/{}", stand_in::SIDECAR))?;
    Ok(Image { variables: path(), user: ROOT.to_owned(), ..image })
}

/// This executable, which plays these parts when it is started under their names.
fn ourselves() -> Result<PathBuf, ImageError> {
    std::env::current_exe()
        .map_err(|source| ImageError::Missing { path: "our own executable".into(), source })
}

/// The node software under the name that a SeiNode has.
///
/// # Errors
/// When one of the shells cannot be read.
pub fn seid(name: &str, behaviour: Seid, statics: &Statics) -> Result<Image, ImageError> {
    let script = match behaviour {
        Seid::Runs => RUNS,
        Seid::Crashes => CRASHES,
    };
    let mut image = Image::named(name)
        .with("/bin", File::Directory(0o755))
        .with("/bin/busybox", program(&statics.busybox)?)
        .with("/bin/bash", program(&statics.bash)?)
        .with("/bin/seid", File::Program(script.as_bytes().to_vec()))
        .with("/tmp", File::Directory(0o1777));
    for applet in ["sh", "cat", "echo", "grep", "head", "mkdir", "nslookup", "sleep", "wget"] {
        image = image.with(&format!("/bin/{applet}"), File::Link("busybox".into()));
    }
    Ok(Image { variables: path(), user: ROOT.to_owned(), ..image })
}

/// As the images that they stand in for: the volumes of a node belong to root.
const ROOT: &str = "0:0";

fn path() -> Vec<String> {
    vec!["PATH=/bin".to_owned()]
}
