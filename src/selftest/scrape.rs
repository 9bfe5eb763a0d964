//! The check of all replicas by their `/metrics`. Pure.

use super::check::{Failure, failure};

/// The claim that the check verifies.
pub const CLAIM: &str = "every replica serves /metrics, and one of them leads";

/// The metrics of one replica, as far as the check reads them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// Address of the scrape.
    pub address: String,
    /// Its version; `None` where no operator answers.
    pub version: Option<String>,
    /// Set where it works on nodes.
    pub leads: bool,
}

impl Replica {
    /// Reads what was scraped.
    pub fn read(address: &str, text: &str) -> Self {
        let build = text.lines().find_map(|line| line.strip_prefix("sei_controller_build_info{"));
        let version = build.and_then(|labels| labels.split_once("version=\"")?.1.split('"').next());
        let leads = text.lines().any(|line| line == "sei_controller_leader 1");
        Self { address: address.to_owned(), version: version.map(str::to_owned), leads }
    }
}

/// Evaluates the scrapes of all replicas.
///
/// # Errors
/// When one cannot be scraped, or not exactly one leads.
pub fn evaluate(scraped: &Result<Vec<Replica>, String>) -> Result<String, Failure> {
    let replicas = scraped.as_ref().map_err(|why| {
        failure(
            format!("it cannot be scraped ({why})"),
            "See whether the operator's pods run, and whether a NetworkPolicy keeps this pod out",
        )
    })?;
    if let Some(stranger) = replicas.iter().find(|replica| replica.version.is_none()) {
        return Err(failure(
            format!("{} has no sei_controller_build_info", stranger.address),
            "See what else the Service of the metrics selects",
        ));
    }
    match replicas.iter().filter(|replica| replica.leads).count() {
        1 => {
            let version = replicas.first().and_then(|replica| replica.version.as_deref()).unwrap_or_default();
            Ok(format!("{} of version {version}", replicas.len()))
        }
        0 => Err(failure(
            format!("none of {} leads", replicas.len()),
            "See who holds the Lease bc1f5b0a.sei.io (kubectl get lease), and whether replicas may write it",
        )),
        several => Err(failure(
            format!("{several} of {} lead", replicas.len()),
            "See whether replicas run without leader election, and set replicas to 1 or leaderElection.enabled to true",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replica(leads: u8) -> Replica {
        let text = format!(
            "# HELP x\nsei_controller_build_info{{version=\"0.1.0\"}} 1\nsei_controller_leader {leads}\n"
        );
        Replica::read("10.0.0.1:8080", &text)
    }

    #[test]
    fn one_of_the_replicas_leads() {
        let evaluated = |replicas| evaluate(&Ok(replicas)).map_err(|failure| failure.why);
        assert_eq!(evaluated(vec![replica(1), replica(0)]), Ok("2 of version 0.1.0".to_owned()));
        assert_eq!(evaluated(vec![replica(0), replica(0)]), Err("none of 2 leads".to_owned()));
        assert_eq!(evaluated(vec![replica(1), replica(1)]), Err("2 of 2 lead".to_owned()));
        let stranger = Replica::read("10.0.0.2:8080", "up 1\n");
        assert!(evaluated(vec![replica(1), stranger]).unwrap_err().starts_with("10.0.0.2:8080 has no"));
        assert!(evaluate(&Err("refused".to_owned())).unwrap_err().why.contains("refused"));
    }
}
