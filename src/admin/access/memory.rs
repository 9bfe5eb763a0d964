//! Remembered answers about tokens, bounded in number and time. Pure: the time is given. Tokens are kept as hashes.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};

use super::Refusal;

/// Time for which an answer counts.
const FRESH: Duration = Duration::from_secs(60);
/// Time for which an allowed token takes precedence, and is served even while the API server does not answer.
const TRUSTED: Duration = Duration::from_secs(600);
/// Answers that are remembered, of each kind.
const MOST: usize = 64;
/// Reviews of unknown tokens within [`ASKED`].
const ASKS: usize = 20;
const ASKED: Duration = Duration::from_secs(10);

/// SHA-256 of a token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Token([u8; 32]);

impl Token {
    pub(super) fn of(token: &str) -> Self {
        Self(Sha256::digest(token).into())
    }
}

/// The state of knowledge about a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Known {
    /// Allowed within the last minute.
    Allowed,
    /// Refused within the last minute.
    Refused(Refusal),
    /// Allowed some minutes ago: another review is due.
    AllowedBefore,
    /// Never seen, or long ago.
    Stranger,
}

/// Remembered answers. Refused tokens cannot push out allowed ones.
#[derive(Default)]
pub(super) struct Memory {
    allowed: HashMap<Token, Instant>,
    refused: HashMap<Token, (Instant, Refusal)>,
    asked: Vec<Instant>,
}

impl Memory {
    pub(super) fn recall(&self, token: &Token, now: Instant) -> Known {
        let age = |at: Instant| now.saturating_duration_since(at);
        match (self.allowed.get(token), self.refused.get(token)) {
            (Some(at), _) if age(*at) < FRESH => Known::Allowed,
            (_, Some((at, refusal))) if age(*at) < FRESH => Known::Refused(refusal.clone()),
            (Some(at), _) if age(*at) < TRUSTED => Known::AllowedBefore,
            _ => Known::Stranger,
        }
    }

    /// Reports whether one more unknown token may be reviewed now; if so, counts it.
    pub(super) fn may_ask(&mut self, now: Instant) -> bool {
        self.asked.retain(|at| now.saturating_duration_since(*at) < ASKED);
        let may = self.asked.len() < ASKS;
        if may {
            self.asked.push(now);
        }
        may
    }

    pub(super) fn remember(&mut self, token: Token, decided: &Result<(), Refusal>, now: Instant) {
        self.allowed.retain(|_, at| now.saturating_duration_since(*at) < TRUSTED);
        self.refused.retain(|_, (at, _)| now.saturating_duration_since(*at) < FRESH);
        match decided {
            Ok(()) => {
                make_room(&mut self.allowed, |at| *at);
                self.refused.remove(&token);
                self.allowed.insert(token, now);
            }
            Err(refusal) => {
                make_room(&mut self.refused, |(at, _)| *at);
                self.allowed.remove(&token);
                self.refused.insert(token, (now, refusal.clone()));
            }
        }
    }
}

/// Forgets the oldest entry of a full map.
fn make_room<V>(map: &mut HashMap<Token, V>, at: impl Fn(&V) -> Instant) {
    if map.len() >= MOST {
        let oldest = map.iter().min_by_key(|(_, value)| at(value)).map(|(token, _)| *token);
        oldest.and_then(|token| map.remove(&token));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_for_a_minute() {
        let (mut memory, now, token) = (Memory::default(), Instant::now(), Token::of("a"));
        assert_eq!(memory.recall(&token, now), Known::Stranger);
        memory.remember(token, &Ok(()), now);
        assert_eq!(memory.recall(&token, now + FRESH / 2), Known::Allowed);
        assert_eq!(memory.recall(&token, now + FRESH), Known::AllowedBefore);
        assert_eq!(memory.recall(&token, now + TRUSTED), Known::Stranger);
        memory.remember(token, &Err(Refusal::Unauthenticated), now + FRESH);
        assert_eq!(memory.recall(&token, now + FRESH), Known::Refused(Refusal::Unauthenticated));
        assert_eq!(memory.recall(&token, now + 2 * FRESH), Known::Stranger);
    }

    #[test]
    fn strangers_are_few_and_push_nobody_out() {
        let (mut memory, now, good) = (Memory::default(), Instant::now(), Token::of("good"));
        memory.remember(good, &Ok(()), now);
        for number in 0..1000 {
            memory.remember(Token::of(&number.to_string()), &Err(Refusal::Unauthenticated), now);
        }
        assert_eq!((memory.recall(&good, now), memory.refused.len()), (Known::Allowed, MOST));
        let asked = (0..100).filter(|_| memory.may_ask(now)).count();
        assert_eq!((asked, memory.may_ask(now + ASKED)), (ASKS, true));
    }
}
