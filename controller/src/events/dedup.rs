//! Deduplicates events: the same words about the same object are one event, whose count is reported once a minute at most
//! (Kubernetes: event series).

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use k8s_openapi::api::events::v1::Event;

/// Repetitions within this time are only counted.
const MINUTE: Duration = Duration::from_secs(60);
/// After this time without a repetition the same event is a new one.
const SERIES: Duration = Duration::from_mins(10);
/// Events that are remembered at most.
const MOST: usize = 4096;

/// Events of late: object, reason, words.
#[derive(Default)]
pub(super) struct Dedup {
    lately: BTreeMap<(String, String, String), Series>,
}

struct Series {
    /// Name of the first event.
    first: String,
    count: i32,
    /// Time at which the count was reported last.
    told: Instant,
}

/// A repetition of an event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Repetition {
    /// None lately: it is an event of its own.
    None,
    /// One of a moment ago, only counted.
    Counted,
    /// One whose growing count is reported.
    Reported {
        /// Name of the first event.
        first: String,
        /// Number of times that it happened.
        count: i32,
    },
}

impl Dedup {
    /// Records the event, and returns whether it is a repetition; from now on it is one.
    pub(super) fn repetition(&mut self, event: &Event, now: Instant) -> Repetition {
        let of = event.regarding.as_ref().and_then(|it| it.uid.clone()).unwrap_or_default();
        let key = (of, event.reason.clone().unwrap_or_default(), event.note.clone().unwrap_or_default());
        if self.lately.len() >= MOST {
            self.lately.retain(|_, series| now.duration_since(series.told) < SERIES);
        }
        match self.lately.get_mut(&key).filter(|series| now.duration_since(series.told) < SERIES) {
            Some(series) => {
                series.count = series.count.saturating_add(1);
                if now.duration_since(series.told) < MINUTE {
                    return Repetition::Counted;
                }
                series.told = now;
                Repetition::Reported { first: series.first.clone(), count: series.count }
            }
            None => {
                let first = event.metadata.name.clone().unwrap_or_default();
                self.lately.insert(key, Series { first, count: 1, told: now });
                Repetition::None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ObjectReference;

    fn event(name: &str, note: &str) -> Event {
        let mut event = Event { reason: Some("R".into()), note: Some(note.into()), ..Event::default() };
        event.metadata.name = Some(name.into());
        event.regarding = Some(ObjectReference { uid: Some("u".into()), ..ObjectReference::default() });
        event
    }

    #[test]
    fn repetitions_are_counted_and_reported_once_a_minute() {
        let (mut dedup, start) = (Dedup::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(dedup.repetition(&event("e1", "lost"), at(0)), Repetition::None);
        assert_eq!(dedup.repetition(&event("e2", "lost"), at(1)), Repetition::Counted);
        assert_eq!(
            dedup.repetition(&event("e3", "another failure"), at(1)),
            Repetition::None,
            "other words are other news"
        );
        let up = Repetition::Reported { first: "e1".into(), count: 3 };
        assert_eq!(dedup.repetition(&event("e4", "lost"), at(60)), up);
        assert_eq!(dedup.repetition(&event("e5", "lost"), at(61)), Repetition::Counted);
        assert_eq!(
            dedup.repetition(&event("e6", "lost"), at(60 + 600)),
            Repetition::None,
            "after ten minutes it is news"
        );
    }
}
