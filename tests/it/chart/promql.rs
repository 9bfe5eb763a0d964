//! Selectors of expressions, as the parser of Prometheus itself reads them.

use std::{
    fmt,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use regex::Regex;
use serde::Deserialize;

use super::exposition::Series;

/// Selection of an expression.
#[derive(Debug, Deserialize)]
pub struct Expression {
    /// Each is a list of matchers that all have to hold.
    pub selectors: Vec<Vec<Matcher>>,
    /// Labels that it groups or joins by.
    pub labels: Vec<String>,
    /// Why it is none.
    error: String,
}

/// Condition on one label.
#[derive(Deserialize)]
pub struct Matcher {
    label: String,
    operator: String,
    value: String,
}

/// Reads expressions; each has to be one.
pub fn read(program: &Path, expressions: &[String]) -> Vec<Expression> {
    let mut command = Command::new(program);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let lines: String = expressions.iter().map(|it| it.replace('\n', " ") + "\n").collect();
    // Its answers are longer than a pipe is: who writes must not wait for who reads.
    let writing = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Expression> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), expressions.len());
    for (answer, expression) in answers.iter().zip(expressions) {
        assert_eq!(answer.error, "", "{expression}");
    }
    answers
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}\"{}\"", self.label, self.operator, self.value)
    }
}

impl Matcher {
    /// True if a series fulfils it; a label that it does not have is empty.
    pub fn takes(&self, series: &Series) -> bool {
        let value = match self.label.as_str() {
            "__name__" => &series.name,
            label => series.labels.get(label).map_or("", String::as_str),
        };
        let fits = || Regex::new(&format!("^(?:{})$", self.value)).unwrap().is_match(value);
        match self.operator.as_str() {
            "=" => value == self.value,
            "!=" => value != self.value,
            "=~" => fits(),
            "!~" => !fits(),
            other => panic!("{other} is no operator"),
        }
    }

    /// The name of a metric, if that is what is asked for.
    pub fn metric(&self) -> Option<&str> {
        (self.label == "__name__").then_some(self.value.as_str())
    }

    /// The label that is asked for.
    pub fn label(&self) -> &str {
        &self.label
    }
}
