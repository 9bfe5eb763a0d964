//! What was said lately, so that it is not said a hundred times: the same words of the same object are one event, counted up
//! once a minute at most (Kubernetes: events, series).

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use k8s_openapi::api::events::v1::Event;

/// The same news within this time are only counted.
const MINUTE: Duration = Duration::from_secs(60);
/// After this time without a word the same news are news again.
const SERIES: Duration = Duration::from_mins(10);
/// So much is remembered at most.
const MOST: usize = 4096;

/// What was said lately: of whom, why, in which words.
#[derive(Default)]
pub(super) struct Said {
    lately: BTreeMap<(String, String, String), Series>,
}

struct Series {
    /// Name of the first event.
    first: String,
    count: i32,
    /// When the API server was told last.
    told: Instant,
}

/// Whether something was said before.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// Not lately.
    Never,
    /// It was, a moment ago.
    Counted,
    /// It was, and is counted up.
    CountedUp {
        /// Name of the first event.
        first: String,
        /// How often it was said.
        count: i32,
    },
}

impl Said {
    /// Whether this was said before; from now on it was.
    pub(super) fn again(&mut self, event: &Event, now: Instant) -> Again {
        let of = event.regarding.as_ref().and_then(|it| it.uid.clone()).unwrap_or_default();
        let key = (of, event.reason.clone().unwrap_or_default(), event.note.clone().unwrap_or_default());
        if self.lately.len() >= MOST {
            self.lately.retain(|_, series| now.duration_since(series.told) < SERIES);
        }
        match self.lately.get_mut(&key).filter(|series| now.duration_since(series.told) < SERIES) {
            Some(series) => {
                series.count = series.count.saturating_add(1);
                if now.duration_since(series.told) < MINUTE {
                    return Again::Counted;
                }
                series.told = now;
                Again::CountedUp { first: series.first.clone(), count: series.count }
            }
            None => {
                let first = event.metadata.name.clone().unwrap_or_default();
                self.lately.insert(key, Series { first, count: 1, told: now });
                Again::Never
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
    fn the_same_news_are_one_event_that_is_counted_up_once_a_minute() {
        let (mut said, start) = (Said::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(said.again(&event("e1", "lost"), at(0)), Again::Never);
        assert_eq!(said.again(&event("e2", "lost"), at(1)), Again::Counted);
        assert_eq!(
            said.again(&event("e3", "another failure"), at(1)),
            Again::Never,
            "other words are other news"
        );
        let up = Again::CountedUp { first: "e1".into(), count: 3 };
        assert_eq!(said.again(&event("e4", "lost"), at(60)), up);
        assert_eq!(said.again(&event("e5", "lost"), at(61)), Again::Counted);
        assert_eq!(
            said.again(&event("e6", "lost"), at(60 + 600)),
            Again::Never,
            "after ten minutes it is news"
        );
    }
}
