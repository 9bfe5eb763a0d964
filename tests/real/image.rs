//! The operator's image: its size and its bytes.

use scenario::scenario;
use xtask::image;

use crate::setup::Shared;

/// 25 MiB, in bytes.
const LARGEST: usize = 25 << 20;

#[scenario]
async fn the_operators_image_is_small_and_reproducible(setup: Shared) {
    let binary = setup.binary().await;
    let directory = tempfile::tempdir().unwrap();
    let archive = |name: &str| {
        let path = directory.path().join(name);
        image::operator(binary).unwrap().write(&path).unwrap();
        std::fs::read(path).unwrap()
    };
    let (first, second) = (archive("first"), archive("second"));
    println!("the operator's image has {} bytes", first.len());
    assert!(first.len() < LARGEST, "it has {} bytes, more than {LARGEST}", first.len());
    assert!(first == second, "it is another one each time");
    let program = std::fs::read(binary).unwrap();
    let home = std::env::var("HOME").unwrap();
    let leaked = program.windows(home.len() + 1).any(|bytes| bytes == format!("{home}/").as_bytes());
    assert!(!leaked, "the binary contains the path of its build, {home}");
}
