//! Images that stand in on a real node for Sei's programs, made of files of this machine.
//!
//! | Image | In place of | Made of |
//! |---|---|---|
//! | [`sidecar`] | `seictl serve` | this executable: our simulated sidecar, for one node |
//! | [`seid`] | the node software | a script on Debian's static busybox and bash |

use devcluster::host::Statics;
use devcluster::image::{File, Image, ImageError, this_executable};
use sidecar_sim::container;

/// Behaviour of the stand-in for `seid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seid {
    /// It runs, and says that it has caught up with its chain.
    Runs,
    /// It ends at once, as a release does that does not fit the chain.
    Crashes,
}

/// Script in place of `seid`. `init` leaves what the operator's init container looks for; `start` answers the probe of
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

/// The sidecar, under the name that pods ask for.
///
/// # Errors
/// When a file of this machine cannot be read.
pub fn sidecar(name: &str) -> Result<Image, ImageError> {
    let program = format!("/bin/{}", container::PROGRAM);
    Ok(as_root(Image::named(name).with_linked_program(&this_executable()?, &program)?))
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
        .with("/bin/busybox", File::program(&statics.busybox)?)
        .with("/bin/bash", File::program(&statics.bash)?)
        .with("/bin/seid", File::Program(script.as_bytes().to_vec()))
        .with("/tmp", File::Directory(0o1777));
    for applet in
        ["sh", "cat", "echo", "grep", "head", "mkdir", "nslookup", "rm", "sha256sum", "sleep", "stat", "wget"]
    {
        image = image.with(&format!("/bin/{applet}"), File::Link("busybox".into()));
    }
    Ok(as_root(image))
}

/// Runs as root, like the original images: the volumes of a node belong to root.
fn as_root(image: Image) -> Image {
    image.run_as("0:0").with_variable("PATH=/bin")
}
