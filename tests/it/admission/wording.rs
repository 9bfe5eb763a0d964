//! All messages of the parser and of the rules of changes, read from their sources: a rule that no case violates would never
//! be compared with the API server.

use std::{fs, path::Path};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/controller/core/src");
/// The sources of rules about SeiNodes.
const RULES: [&str; 3] = ["intent.rs", "intent", "transition.rs"];

/// The sentences of the rules that none of these messages has.
pub fn unheard(messages: &[String]) -> Vec<String> {
    let sentences: Vec<_> =
        RULES.iter().flat_map(|name| sentences_below(&Path::new(ROOT).join(name))).collect();
    assert!(sentences.len() > 40, "the rules are elsewhere: {sentences:#?}");
    let is_heard = |sentence: &String| messages.iter().any(|message| says(message, sentence));
    sentences.into_iter().filter(|sentence| !is_heard(sentence)).collect()
}

fn sentences_below(path: &Path) -> Vec<String> {
    if path.is_dir() {
        let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        return entries
            .filter(|path| !path.ends_with("tests.rs"))
            .flat_map(|path| sentences_below(&path))
            .collect();
    }
    let source = fs::read_to_string(path).unwrap();
    match source.contains("Violation::new(") {
        true => {
            literals(source.split("#[cfg(test)]").next().unwrap()).filter(|text| text.contains(' ')).collect()
        }
        false => Vec::new(),
    }
}

/// The literals of text in a source, without its comments. A literal of a character never holds a quote here.
fn literals(source: &str) -> impl Iterator<Item = String> {
    let code: Vec<_> = source.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n").replace("\\\"", "'");
    let quoted: Vec<_> = code.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    // A line that ends in a backslash goes on where the next one's text begins.
    quoted.into_iter().map(|text| text.split("\\\n").map(str::trim_start).collect())
}

/// `true` when a message has all of a sentence, with any text in the places of its braces.
fn says(message: &str, sentence: &str) -> bool {
    let message = message.replace('"', "'");
    let mut rest = &*message;
    sentence.split('{').enumerate().all(|(index, part)| {
        let part = if index == 0 { part } else { part.split_once('}').map_or(part, |(_, after)| after) };
        match rest.split_once(part) {
            Some((_, after)) => {
                rest = after;
                true
            }
            None => false,
        }
    })
}
