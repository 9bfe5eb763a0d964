//! Fuzzing on stable Rust: a target is played with the inputs that are kept, then with inputs by chance. One that fails is
//! made as small as it goes.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use proptest::{
    collection::vec,
    num::u8::ANY,
    test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner},
};

/// Extent to which a target is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// This number of inputs, the same every time: for `cargo test`.
    Inputs(u32),
    /// This time, with other inputs each time: for `cargo prove`.
    Time(Duration),
}

impl Effort {
    /// The effort of `cargo prove`.
    pub const MINUTE: Self = Self::Time(Duration::from_secs(60));
}

/// Inputs of a target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Directory of the inputs that are kept, as text: hexadecimal bytes, and lines behind `#`.
    pub corpus: &'static str,
    /// Most bytes of an input.
    pub longest: usize,
}

/// Inputs between two looks at the clock.
const ROUND: u32 = 32;
/// Tries to make a failing input smaller.
const SHRINKS: u32 = 1_000;

impl Target {
    /// Plays the target.
    ///
    /// # Panics
    /// When `play` does. The message has the input, as it can be kept in the corpus.
    pub fn play(&self, effort: Effort, play: impl Fn(&[u8])) {
        kept(self.corpus).iter().for_each(|input| play(input));
        let begin = Instant::now();
        match effort {
            Effort::Inputs(inputs) => {
                let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
                self.run(TestRunner::new_with_rng(config(inputs), rng), &play);
            }
            Effort::Time(time) => {
                while begin.elapsed() < time {
                    self.run(TestRunner::new(config(ROUND)), &play);
                }
            }
        }
    }

    #[allow(clippy::panic, reason = "a test says by panicking what is wrong")]
    fn run(&self, mut runner: TestRunner, play: impl Fn(&[u8])) {
        let inputs = vec(ANY, 0..=self.longest);
        let outcome = runner.run(&inputs, |input| {
            play(&input);
            Ok(())
        });
        match outcome {
            Ok(()) => {}
            Err(TestError::Fail(why, input)) => {
                let hex: String = input.iter().map(|byte| format!("{byte:02x}")).collect();
                panic!("{why}\nTo keep this input, write it to a file in {}: {hex}", self.corpus);
            }
            Err(TestError::Abort(why)) => panic!("{why}"),
        }
    }
}

fn config(cases: u32) -> Config {
    Config { cases, failure_persistence: None, max_shrink_iters: SHRINKS, ..Config::default() }
}

/// The inputs in a directory; none where there is no such directory.
fn kept(directory: &str) -> Vec<Vec<u8>> {
    let files = fs::read_dir(Path::new(directory)).into_iter().flatten().flatten();
    let texts = files.filter_map(|file| fs::read_to_string(file.path()).ok());
    texts.map(|text| bytes(&text)).collect()
}

/// The bytes of a kept input.
fn bytes(text: &str) -> Vec<u8> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let digits: Vec<u32> = lines.flat_map(str::chars).filter_map(|digit| digit.to_digit(16)).collect();
    let byte =
        |pair: &[u32]| pair.iter().fold(0, |byte: u32, digit| byte.wrapping_mul(16).wrapping_add(*digit));
    digits.chunks(2).filter_map(|pair| u8::try_from(byte(pair)).ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, panic::catch_unwind};

    use super::*;

    #[test]
    fn a_kept_input_is_read_back() {
        assert_eq!(bytes("# what it found\n00ff\n10\n"), [0, 255, 16]);
    }

    #[test]
    fn a_failing_input_is_made_small_and_reported() {
        let target = Target { corpus: "corpus", longest: 64 };
        let failed = catch_unwind(|| {
            target.play(Effort::Inputs(500), |input| {
                assert!(!input.iter().any(|byte| *byte > 200), "too large")
            });
        });
        let said = failed.unwrap_err().downcast::<String>().unwrap();
        assert!(said.contains("too large") && said.ends_with("corpus: c9"), "{said}");
    }

    #[test]
    fn every_effort_plays() {
        let target = Target { corpus: "corpus", longest: 4 };
        for effort in [Effort::Inputs(9), Effort::Time(Duration::from_millis(1))] {
            let played = Cell::new(0);
            target.play(effort, |_| played.set(played.get() + 1));
            assert!(played.get() >= 9, "{effort:?}");
        }
    }
}
