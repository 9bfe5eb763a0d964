//! One node's line: how far it is and what it waits for.

use indicatif::ProgressBar;

use super::{Paint, Screen};
use crate::demo::standing::Standing;

/// The line of a node.
#[derive(Debug)]
pub(crate) struct Row {
    screen: Screen,
    name: String,
    bar: Option<ProgressBar>,
    shown: Option<Standing>,
}

impl Row {
    pub(super) fn begin(screen: Screen, name: &str) -> Self {
        let bar = screen.bar(1, "    {prefix:10} {bar:16.cyan/dim} {pos}/{len}  {wide_msg}");
        if let Some(bar) = &bar {
            bar.set_prefix(name.to_owned());
        }
        Self { screen, name: name.to_owned(), bar, shown: None }
    }

    /// Shows where the node stands; nothing when that is on the screen already.
    pub(crate) fn show(&mut self, standing: &Standing) {
        if self.shown.as_ref() == Some(standing) {
            return;
        }
        let Standing { phase, done, of, at } = standing;
        match &self.bar {
            Some(bar) => {
                bar.set_length(*of);
                bar.set_position(*done);
                bar.set_message(format!("{phase}  {}", self.screen.paint(Paint::Dim, at)));
            }
            None => {
                let progress = if *of == 0 { String::new() } else { format!("{done}/{of}") };
                let line = format!("    {:10} {progress:3} {phase:12} {at}", self.name);
                self.screen.log(line.trim_end());
            }
        }
        self.shown = Some(standing.clone());
    }

    /// Ends the line with its result, which stays on the screen.
    pub(crate) fn done(&self, result: &str) {
        match &self.bar {
            Some(bar) => {
                bar.finish_and_clear();
                let mark = self.screen.paint(Paint::Green, "✔");
                self.screen.say(&format!("    {mark} {:10} {result}", self.name));
            }
            None => self.screen.log(&format!("    {:10} {result}", self.name)),
        }
    }
}

impl Drop for Row {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
