//! Series of a scrape, collected over a life.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::task::JoinHandle;

use crate::kit::Operator;

/// Interval between two looks: what is there for a moment only has to be seen as well.
const GLANCE: Duration = Duration::from_millis(100);

/// One series: what it is called and what it is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Series {
    pub name: String,
    pub labels: BTreeMap<String, String>,
}

/// All series that were ever there, each with its last value.
pub struct Seen {
    all: Arc<Mutex<BTreeMap<Series, f64>>>,
    looking: JoinHandle<()>,
}

impl Seen {
    /// Looks at the metrics of an operator again and again.
    pub async fn begin(operator: &Operator) -> Self {
        let url = format!("http://{}/metrics", operator.address("metrics").await);
        let all = Arc::<Mutex<BTreeMap<Series, f64>>>::default();
        let found = Arc::clone(&all);
        let looking = tokio::spawn(async move {
            loop {
                if let Ok(answer) = reqwest::get(&url).await
                    && let Ok(text) = answer.text().await
                {
                    found.lock().unwrap().extend(text.lines().filter_map(Series::parse));
                }
                tokio::time::sleep(GLANCE).await;
            }
        });
        Self { all, looking }
    }

    /// Series that were seen so far.
    pub fn so_far(&self) -> Vec<Series> {
        self.all.lock().unwrap().keys().cloned().collect()
    }

    /// The last value of a series of a node.
    pub fn value(&self, metric: &str, node: &str) -> Option<f64> {
        let of_the_node = |series: &Series| {
            series.name == metric && series.labels.get("name").map(String::as_str) == Some(node)
        };
        self.all.lock().unwrap().iter().find(|(series, _)| of_the_node(series)).map(|(_, value)| *value)
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        self.looking.abort();
    }
}

impl Series {
    /// Reads a line of the text format; `None` for a comment. No label of ours has a brace, a comma or a quote in its value.
    fn parse(line: &str) -> Option<(Self, f64)> {
        let (series, value) = line.rsplit_once(' ').filter(|_| !line.starts_with('#'))?;
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let pairs = labels.trim_end_matches('}').split(',').filter_map(|pair| pair.split_once('='));
        let labels = pairs.map(|(label, value)| (label.to_owned(), value.trim_matches('"').to_owned()));
        Some((Self { name: name.to_owned(), labels: labels.collect() }, value.parse().ok()?))
    }
}
