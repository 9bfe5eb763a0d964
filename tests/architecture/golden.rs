//! Documents, or parts of them, that are written from what they describe: with `UPDATE_GOLDEN=1` the test that compares a
//! part writes it anew; without it a difference is an offence. The tests of the command line use it as well.

use std::{
    fs,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

const END: &str = "<!-- end -->";

/// Several tests write parts of one document.
static WRITING: Mutex<()> = Mutex::new(());

/// Compares the part of a document between `<!-- name … -->` and `<!-- end -->`, or writes it.
#[track_caller]
pub fn assert_part(path: &str, name: &str, part: &str) {
    let _alone = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let root = std::env::var_os("CARGO_MANIFEST_DIR");
    let file = root.map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from).join(path);
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}"));
    let begins = format!("<!-- {name}:");
    let place = text.find(&begins).and_then(|at| {
        let begin = at + text[at..].find("-->\n")? + 4;
        Some((begin, begin + text[begin..].find(END)?))
    });
    let (begin, end) =
        place.unwrap_or_else(|| panic!("{path} has no part `{begins} … -->` that ends with {END}"));
    let part = format!("\n{part}\n");
    if text[begin..end] == part {
        return;
    }
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    assert!(update, "{path}, part {name}, is stale; write it anew by running this test with UPDATE_GOLDEN=1");
    let anew = format!("{}{part}{}", &text[..begin], &text[end..]);
    fs::write(&file, anew).expect("the document can be written");
}
