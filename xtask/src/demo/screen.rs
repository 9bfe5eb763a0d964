//! Display of the demo: live on a terminal, plain lines anywhere else.
//!
//! The live display moves the cursor and uses colour; plain lines never hold an escape code. Which of the two is
//! decided once, here, and nobody else writes to standard output.

mod row;
mod step;

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

pub(crate) use row::Row;
pub(crate) use step::{Step, Voice};

/// Interval at which a plain screen repeats the current step.
const REMINDER: Duration = Duration::from_secs(5);

/// The display. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Screen {
    display: Display,
    begun: Instant,
}

#[derive(Clone, Debug)]
enum Display {
    Live(MultiProgress),
    Plain,
}

impl Screen {
    /// The screen on standard output: live on a terminal unless `NO_COLOR` is set or the terminal is a dumb one.
    pub(crate) fn on_stdout() -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let live = MultiProgress::with_draw_target(ProgressDrawTarget::stdout());
        let display = match plain || live.is_hidden() || !std::io::stdout().is_terminal() {
            true => Display::Plain,
            false => Display::Live(live),
        };
        Self { display, begun: Instant::now() }
    }

    /// Shows text that stays, as it is.
    pub(crate) fn say(&self, text: &str) {
        // Nobody to tell is no reason to stop: whoever closed the pipe has seen enough.
        let write = || writeln!(std::io::stdout().lock(), "{text}");
        let _ = match &self.display {
            Display::Live(live) => live.suspend(write),
            Display::Plain => write(),
        };
    }

    /// Shows text as a heading.
    pub(crate) fn heading(&self, text: &str) {
        self.say(&format!("\n{}", self.paint(Paint::Bold, text)));
    }

    /// Shows what went wrong, on standard error.
    pub(crate) fn failure(&self, text: &str) {
        let mark = self.paint(Paint::Red, "demo failed:");
        let write = || writeln!(std::io::stderr().lock(), "\n{mark} {text}");
        let _ = match &self.display {
            Display::Live(live) => live.suspend(write),
            Display::Plain => write(),
        };
    }

    /// Begins a step of the demo that consists of this work; until it is done, the screen says what it is at.
    pub(crate) fn step(&self, number: usize, title: &str, work: &str) -> Step {
        Step::begin(self.clone(), number, title, work)
    }

    /// Begins to show how a node gets on, below the others.
    pub(crate) fn row(&self, name: &str) -> Row {
        Row::begin(self.clone(), name)
    }

    /// A line of a plain log: what happened, and when.
    fn log(&self, text: &str) {
        self.say(&format!("[{:6.1} s] {text}", self.begun.elapsed().as_secs_f32()));
    }

    fn bar(&self, length: u64, template: &str) -> Option<ProgressBar> {
        let Display::Live(live) = &self.display else { return None };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(length).with_style(style.progress_chars("━╸─"));
        let bar = live.add(bar);
        bar.enable_steady_tick(Duration::from_millis(100));
        Some(bar)
    }

    fn paint(&self, paint: Paint, text: &str) -> String {
        let code = match paint {
            Paint::Bold => 1,
            Paint::Dim => 2,
            Paint::Red => 31,
            Paint::Green => 32,
        };
        match self.display {
            Display::Live(_) => format!("\x1b[{code}m{text}\x1b[0m"),
            Display::Plain => text.to_owned(),
        }
    }
}

/// Emphasis of text.
#[derive(Clone, Copy, Debug)]
enum Paint {
    Bold,
    Dim,
    Red,
    Green,
}

/// A span for people: `0.4 s`, `3 min 20 s`.
pub(crate) fn span(span: Duration) -> String {
    match span.as_secs() {
        0..60 => format!("{:.1} s", span.as_secs_f32()),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        assert_eq!(span(Duration::from_millis(440)), "0.4 s");
        assert_eq!(span(Duration::from_secs(200)), "3 min 20 s");
    }

    #[test]
    fn a_plain_screen_paints_nothing() {
        let screen = Screen { display: Display::Plain, begun: Instant::now() };
        assert_eq!(screen.paint(Paint::Red, "text"), "text");
    }
}
