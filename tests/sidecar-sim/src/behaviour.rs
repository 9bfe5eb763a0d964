//! The vocabulary of misbehaviour: what a test may ask of a simulated sidecar beyond its contract.
//!
//! Values only. Who misbehaves, and how often it still will, is [`crate::settings`].

use std::time::Duration;

use http::StatusCode;
use uuid::Uuid;

/// A span of time, fixed or drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delay {
    /// Always this long.
    Fixed(Duration),
    /// Drawn evenly between two spans. The same seed gives the same node the same spans in every run.
    Between {
        /// Lower end, included.
        shortest: Duration,
        /// Upper end, included.
        longest: Duration,
        /// Seed of the delays.
        seed: u64,
    },
}

impl Delay {
    /// No delay at all.
    pub const NONE: Self = Self::Fixed(Duration::ZERO);

    /// The span for one use, which `label` names.
    pub(crate) fn draw(self, label: &str) -> Duration {
        match self {
            Self::Fixed(span) => span,
            Self::Between { shortest, longest, seed } => {
                let width = longest.saturating_sub(shortest).as_nanos();
                let number = Uuid::new_v5(&Uuid::nil(), format!("{seed}/{label}").as_bytes()).as_u128();
                let offset = u64::try_from(number % (width + 1)).unwrap_or(u64::MAX);
                shortest + Duration::from_nanos(offset)
            }
        }
    }
}

/// Number of times that a rule applies. A default for all nodes counts per node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// Until the behaviour is reset.
    Always,
    /// This many times.
    Next(u32),
}

/// Replacement of the contract's answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The network eats the request: not recorded, not executed, never answered, whether the pod lives or not.
    BlackHole,
    /// The request is read and recorded, but neither executed nor answered until the process ends.
    Hang,
    /// The request is read and recorded; the connection is reset. Nothing is executed.
    Reset,
    /// The request is executed, then the connection is reset: the client cannot know that it took effect.
    AnswerLost,
    /// Nothing is executed; the answer has this status and a JSON error.
    Status(StatusCode),
    /// The request is executed; status and content type are right, but the body is not JSON.
    NotJson,
    /// The request is executed and answered rightly, but as `text/html`.
    WrongContentType,
    /// The request is executed; the connection ends in the middle of the body. Bites only where there is a body.
    Truncated,
    /// The request is executed; the body comes a byte at a time, with this pause before each.
    SlowDrip(Duration),
}

/// Requests that a fault applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All, unknown paths included.
    Everything,
    /// Requests to one endpoint.
    Only(Endpoint),
}

impl Scope {
    /// Returns true for a request to `endpoint` (`None`: to no endpoint) in scope.
    pub(crate) fn covers(self, endpoint: Option<Endpoint>) -> bool {
        match self {
            Self::Everything => true,
            Self::Only(one) => endpoint == Some(one),
        }
    }
}

/// One endpoint of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `GET /v0/healthz`
    Healthz,
    /// `GET /v0/livez`
    Livez,
    /// `GET /v0/status`
    Status,
    /// `GET /v0/metrics`
    Metrics,
    /// `GET /v0/node-id`
    NodeId,
    /// `POST /v0/tasks`
    SubmitTask,
    /// `GET /v0/tasks`
    ListTasks,
    /// `GET /v0/tasks/{id}`
    ReadTask,
    /// `DELETE /v0/tasks/{id}`
    RemoveTask,
}

/// Fate of running tasks when the process is told to end. The real sidecar does either,
/// depending on whether its store is still open when the cancelled task wants to be saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruption {
    /// Their rows stay `running`, so the next process executes them again.
    StaysRunning,
    /// Their rows are saved as `failed` with `context canceled`.
    SavedAsFailed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_spans_stay_within_their_ends_and_repeat_with_their_seed() {
        let (shortest, longest) = (Duration::from_millis(5), Duration::from_millis(9));
        let draw = |seed, label: &str| Delay::Between { shortest, longest, seed }.draw(label);
        let spans: Vec<_> = (0..100).map(|n| draw(7, &format!("ns/a/{n}"))).collect();
        assert!(spans.iter().all(|span| (shortest..=longest).contains(span)), "{spans:?}");
        assert!(spans.windows(2).any(|pair| pair[0] != pair[1]), "all spans are alike");
        assert_eq!(draw(7, "ns/a/3"), spans[3]);
        assert_ne!(draw(8, "ns/a/3"), spans[3]);
    }

    #[test]
    fn an_empty_range_is_its_lower_end() {
        let span = Duration::from_secs(1);
        assert_eq!(Delay::Between { shortest: span, longest: Duration::ZERO, seed: 1 }.draw("x"), span);
    }

    #[test]
    fn a_scope_covers_what_it_names() {
        assert!(Scope::Everything.covers(None));
        assert!(Scope::Only(Endpoint::Healthz).covers(Some(Endpoint::Healthz)));
        assert!(!Scope::Only(Endpoint::Healthz).covers(Some(Endpoint::Livez)));
        assert!(!Scope::Only(Endpoint::Healthz).covers(None));
    }
}
