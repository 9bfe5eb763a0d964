//! The operator's image: what is shipped.

use scenario::scenario;
use xtask::image;

use crate::stage::Shared;

/// 25 MiB, in bytes.
const LARGEST: usize = 25 << 20;

#[scenario]
async fn the_operators_image_is_small_and_always_the_same(stage: Shared) {
    let binary = stage.binary().await;
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
    let told = program.windows(home.len() + 1).any(|bytes| bytes == format!("{home}/").as_bytes());
    assert!(!told, "it tells that it was built below {home}");
}
