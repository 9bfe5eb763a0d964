//! Problems of settings, each with the setting, the reason and an example of a good value.

use std::fmt;

/// One wrong setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The variable, or the flag with its variable.
    pub setting: String,
    /// The reason, as the end of a sentence that begins with the setting.
    pub reason: String,
    /// An example of a good value.
    pub remedy: String,
}

/// All wrong settings; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problem {
    /// A problem of one setting.
    pub fn of(setting: impl Into<String>, reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { setting: setting.into(), reason: reason.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}; {}", self.setting, self.reason, self.remedy)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => write!(f, "nothing was started, because a setting is wrong:")?,
            several => write!(f, "nothing was started, because {several} settings are wrong:")?,
        }
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for Problems {}

/// Collects problems, so that one does not hide the next.
#[derive(Debug, Default)]
pub struct Findings(Vec<Problem>);

impl Findings {
    /// Returns the value, or records the problem.
    pub fn take<T>(&mut self, validated: Result<T, Problem>) -> Option<T> {
        validated.map_err(|problem| self.0.push(problem)).ok()
    }

    /// Returns the value, or records all its problems.
    pub fn take_all<T>(&mut self, validated: Result<T, Problems>) -> Option<T> {
        validated.map_err(|problems| self.0.extend(problems.0)).ok()
    }

    /// Returns `value` if no problem was found.
    ///
    /// # Errors
    /// All problems, when there is one. `value` is `None` only then.
    pub fn conclude<T>(self, value: Option<T>) -> Result<T, Problems> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(Problems(self.0)),
        }
    }
}
