//! Documents, or parts of them, that are written from what they describe. `UPDATE_GOLDEN=1 cargo test --test architecture`
//! writes them anew; without it a difference is an offence.

use std::fs;

use super::project::{file, root};

const REMEDY: &str = "write it anew with: UPDATE_GOLDEN=1 cargo test --test architecture";
const END: &str = "<!-- end -->";

/// Compares the part of a document between `<!-- name … -->` and `<!-- end -->`, or writes it.
#[track_caller]
pub fn assert_part(path: &str, name: &str, part: &str) {
    let text = file(path).text;
    let begins = format!("<!-- {name}");
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
    assert!(std::env::var_os("UPDATE_GOLDEN").is_some(), "{path}, part {name}, is stale; {REMEDY}");
    let anew = format!("{}{part}{}", &text[..begin], &text[end..]);
    fs::write(root().join(path), anew).expect("the document can be written");
}
