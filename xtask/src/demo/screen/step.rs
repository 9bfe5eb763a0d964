//! One step of the demo, from its beginning to its result.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use indicatif::ProgressBar;

use super::{Paint, REMINDER, Screen, span};

/// Number of steps.
const STEPS: usize = 9;

/// A step that is under way. Dropped without [`Step::done`], it leaves only what it has said.
#[derive(Debug)]
pub(crate) struct Step {
    voice: Voice,
    begun: Instant,
}

/// Says what a step is at. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Voice {
    screen: Screen,
    label: String,
    spinner: Option<ProgressBar>,
    /// Time of this step's last line on a plain screen.
    last: Arc<Mutex<Instant>>,
}

impl Step {
    pub(super) fn begin(screen: Screen, number: usize, title: &str, work: &str) -> Self {
        let label = format!("{number}/{STEPS} {title:<13}");
        let spinner = screen.bar(0, "{spinner:.cyan} {prefix:.bold} {wide_msg} {elapsed:>4.dim}");
        if let Some(spinner) = &spinner {
            spinner.set_prefix(label.clone());
        }
        let begun = Instant::now();
        let voice = Voice { screen, label, spinner, last: Arc::new(Mutex::new(begun)) };
        voice.news(&format!("{work} …"));
        Self { voice, begun }
    }

    /// Reporter of the step's progress.
    pub(crate) fn voice(&self) -> &Voice {
        &self.voice
    }

    /// Ends the step with its result, which stays on the screen.
    pub(crate) fn done(self, result: &str) {
        let Voice { screen, label, spinner, last: _ } = &self.voice;
        let took = span(self.begun.elapsed());
        match spinner {
            Some(spinner) => {
                spinner.finish_and_clear();
                let (mark, took) =
                    (screen.paint(Paint::Green, "✔"), screen.paint(Paint::Dim, &format!("({took})")));
                screen.say(&format!("{mark} {} {result} {took}", screen.paint(Paint::Bold, label)));
            }
            None => screen.log(&format!("{label} {result} ({took})")),
        }
    }
}

impl Voice {
    /// Says what the step is at. A plain screen repeats it only now and then.
    pub(crate) fn now(&self, text: &str) {
        let silent_for = self.last.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
        if self.spinner.is_some() || silent_for >= REMINDER {
            self.news(text);
        }
    }

    /// Says something about the step that a plain screen must not lack.
    pub(crate) fn news(&self, text: &str) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        match &self.spinner {
            Some(spinner) => spinner.set_message(text.to_owned()),
            None => self.screen.log(&format!("{} {text}", self.label)),
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if let Some(spinner) = &self.voice.spinner {
            spinner.finish_and_clear();
        }
    }
}
