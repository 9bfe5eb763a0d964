//! The place that release files are downloaded from: the projects' own servers, or a mirror of them. Pure.

use std::ffi::OsString;

use reqwest::Url;

/// Names the base URL of a mirror, which serves `https://HOST/PATH` as `BASE/HOST/PATH`; `off` downloads nothing.
pub(super) const VARIABLE: &str = "SEINODE_DEVCLUSTER_MIRROR";

/// Source of release files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mirror {
    /// Nothing is downloaded.
    Off,
    /// The projects' own servers.
    None,
    /// A server that has copies of them.
    At(String),
}

impl Mirror {
    /// Reads the value of [`VARIABLE`].
    pub(super) fn parse(value: Option<OsString>) -> Self {
        match value.map(|value| value.to_string_lossy().into_owned()).as_deref() {
            None | Some("") => Self::None,
            Some("off") => Self::Off,
            Some(base) => Self::At(base.trim_end_matches('/').to_owned()),
        }
    }

    /// The URL of a file given by host and path.
    pub(super) fn url(&self, file: &str) -> String {
        match self {
            Self::At(base) => format!("{base}/{file}"),
            Self::Off | Self::None => format!("https://{file}"),
        }
    }
}

/// A checksum read from `url` proves something: nobody on the way could have written it. True of HTTPS and of loopback.
pub(super) fn protected(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let loopback = match url.host_str() {
        Some("localhost") => true,
        Some(host) => host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback()),
        None => false,
    };
    url.scheme() == "https" || loopback
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_becomes_the_first_part_of_a_mirrors_path() {
        let file = "dl.k8s.io/v1/a.tar.gz";
        assert_eq!(Mirror::parse(None).url(file), "https://dl.k8s.io/v1/a.tar.gz");
        assert_eq!(Mirror::parse(Some("".into())), Mirror::None);
        let mirror = Mirror::parse(Some("http://10.0.0.1:8081/mirror/".into()));
        assert_eq!(mirror.url(file), "http://10.0.0.1:8081/mirror/dl.k8s.io/v1/a.tar.gz");
        assert_eq!(Mirror::parse(Some("off".into())), Mirror::Off);
    }

    #[test]
    fn only_https_and_loopback_protect_a_checksum() {
        for url in ["https://a.example/x", "http://127.0.0.1:1/x", "http://[::1]:1/x", "http://localhost/x"] {
            assert!(protected(url), "{url}");
        }
        for url in ["http://a.example/x", "http://10.0.0.1/x", "http://127.0.0.1.example/x", "", "ftp://a/x"]
        {
            assert!(!protected(url), "{url}");
        }
    }
}
