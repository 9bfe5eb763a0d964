//! The registry as text, rendered for all scrapes together: many clients cost hardly more than one.
//!
//! With thousands of nodes the text has megabytes. A new one is rendered only when rendering takes at most a fifth of
//! one core, and when few older texts are still being sent; otherwise a scrape gets the last one, which is then some
//! seconds old at most. A scraper that is alone always gets a new one.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use axum::body::Bytes;
use prometheus::{Registry, TextEncoder};
use tokio::{sync::Mutex, task::spawn_blocking};

/// Older texts that slow clients may hold in memory.
const HELD: usize = 4;
/// The time between two renderings, as a multiple of the time one takes.
const REST: u32 = 4;

/// Renders a registry.
pub struct Exposition {
    registry: Registry,
    rendered: Mutex<Rendered>,
}

#[derive(Default)]
struct Rendered {
    last: Option<Last>,
    /// Earlier texts; those that nobody is sent any more are gone.
    earlier: Vec<Weak<Text>>,
}

struct Last {
    text: Arc<Text>,
    at: Instant,
    took: Duration,
}

struct Text(String);

/// A body that keeps its text alive.
struct Shared(Arc<Text>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self.0.0.as_bytes()
    }
}

impl Exposition {
    /// Renders this registry.
    pub fn new(registry: Registry) -> Self {
        Self { registry, rendered: Mutex::default() }
    }

    /// The metrics in the text format of Prometheus.
    ///
    /// # Errors
    /// When a metric cannot be written or a collector panics; a defect of ours.
    pub async fn text(&self) -> Result<Bytes, prometheus::Error> {
        // Held while rendering, so that scrapes at the same time share one text.
        let mut rendered = self.rendered.lock().await;
        if let Some(last) = rendered.reusable(Instant::now()) {
            return Ok(Bytes::from_owner(Shared(last)));
        }
        let (registry, begun) = (self.registry.clone(), Instant::now());
        let text = spawn_blocking(move || TextEncoder::new().encode_to_string(&registry.gather()));
        let text = text.await.map_err(|error| prometheus::Error::Msg(error.to_string()))??;
        let text = Arc::new(Text(text));
        rendered.replace(Last { text: Arc::clone(&text), at: Instant::now(), took: begun.elapsed() });
        Ok(Bytes::from_owner(Shared(text)))
    }
}

impl Rendered {
    /// The last text, where another one would cost too much.
    fn reusable(&mut self, now: Instant) -> Option<Arc<Text>> {
        self.earlier.retain(|text| text.strong_count() > 0);
        let last = self.last.as_ref()?;
        let rests = now.saturating_duration_since(last.at) < last.took.saturating_mul(REST);
        (rests || self.earlier.len() >= HELD).then(|| Arc::clone(&last.text))
    }

    fn replace(&mut self, last: Last) {
        let before = self.last.replace(last);
        self.earlier.extend(before.map(|before| Arc::downgrade(&before.text)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(text: &str, at: Instant, took: u64) -> Last {
        Last { text: Arc::new(Text(text.to_owned())), at, took: Duration::from_millis(took) }
    }

    #[test]
    fn rendering_takes_a_fifth_of_a_core_at_most() {
        let (now, millis) = (Instant::now(), Duration::from_millis);
        let mut rendered = Rendered::default();
        assert!(rendered.reusable(now).is_none());
        rendered.replace(last("a", now, 100));
        assert!(rendered.reusable(now + millis(399)).is_some());
        assert!(rendered.reusable(now + millis(400)).is_none());
    }

    #[test]
    fn clients_that_do_not_read_hold_few_texts() {
        let now = Instant::now();
        let mut rendered = Rendered::default();
        let mut held = Vec::new();
        while rendered.reusable(now).is_none() {
            rendered.replace(last("a", now, 0));
            held.extend(rendered.last.as_ref().map(|last| Arc::clone(&last.text)));
        }
        assert_eq!(held.len(), HELD + 1);
        held.remove(0);
        assert!(rendered.reusable(now).is_none(), "one of them has been sent");
    }

    #[tokio::test]
    async fn a_scraper_that_is_alone_gets_what_is_true_now() {
        let registry = Registry::new();
        let counter = prometheus::IntCounter::new("seen_total", "Times seen.").unwrap();
        registry.register(Box::new(counter.clone())).unwrap();
        let exposition = Exposition::new(registry);
        for seen in 0..3 {
            let text = exposition.text().await.unwrap();
            assert!(text.ends_with(format!("\nseen_total {seen}\n").as_bytes()), "{text:?}");
            counter.inc();
            let took = exposition.rendered.lock().await.last.as_ref().unwrap().took;
            tokio::time::sleep(took * REST).await;
        }
    }
}
