//! Users that the API server knows by a token, with their kubeconfigs and clients.

use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};

use http::HeaderValue;
use http::header::USER_AGENT;
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::PostParams;
use kube::config::{AuthInfo, Config};
use kube::{Api, Client, Error};

use super::ClusterError;
use super::launch::write;
use super::pki::Pki;

/// The token of the user `limited`, in the group `limited`: authenticated and without any right until a test binds
/// it to a role.
pub const LIMITED_TOKEN: &str = "limited";

const ADMIN_TOKEN: &str = "admin";

/// A user of our own, so that the audit log tells who did what. The token is as good a secret as the directory that
/// it is stored in, and the server listens on loopback only.
#[derive(Clone, Copy, Debug)]
pub(super) struct User {
    name: &'static str,
    pub(super) token: &'static str,
    groups: &'static str,
}

const MASTERS: &str = "system:masters";

const ADMIN: User = User { name: "admin", token: ADMIN_TOKEN, groups: MASTERS };
pub(super) const DEVCLUSTER: User = User { name: "devcluster", token: "devcluster", groups: MASTERS };
pub(super) const CONTROLLERS: User =
    User { name: "system:kube-controller-manager", token: "kcm", groups: MASTERS };
pub(super) const SCHEDULER: User =
    User { name: "system:kube-scheduler", token: "scheduler", groups: MASTERS };
pub(super) const NODE: User = User { name: "kubelet", token: "node", groups: MASTERS };
const LIMITED: User = User { name: "limited", token: LIMITED_TOKEN, groups: "limited" };

/// The address, the authority that vouches for it, and where kubeconfigs go.
#[derive(Clone, Debug)]
pub(super) struct Access {
    server: SocketAddrV4,
    authority: PathBuf,
    authority_der: Vec<u8>,
    directory: PathBuf,
    admin: PathBuf,
}

impl Access {
    pub(super) fn new(server: SocketAddrV4, pki: &Pki, directory: &Path) -> Result<Self, ClusterError> {
        let mut access = Self {
            server,
            authority: pki.authority.clone(),
            authority_der: pki.authority_der.clone(),
            directory: directory.to_owned(),
            admin: PathBuf::new(),
        };
        access.admin = access.kubeconfig(ADMIN_TOKEN)?;
        Ok(access)
    }

    pub(super) fn url(&self) -> String {
        format!("https://{}", self.server)
    }

    pub(super) fn admin(&self) -> &Path {
        &self.admin
    }

    pub(super) fn kubeconfig(&self, token: &str) -> Result<PathBuf, ClusterError> {
        let name = if token.len() <= 32 { token.to_owned() } else { fingerprint(token) };
        let path = self.directory.join(format!("kubeconfig-{name}"));
        let text = serde_json::json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{ "name": "devcluster",
                "cluster": { "server": self.url(), "certificate-authority": self.authority } }],
            "users": [{ "name": name, "user": { "token": token } }],
            "contexts": [{ "name": "devcluster", "context": { "cluster": "devcluster", "user": name } }],
            "current-context": "devcluster",
        });
        write(&path, &format!("{text:#}\n"))?;
        Ok(path)
    }

    pub(super) fn client(&self, token: &str, user_agent: &str) -> Result<Client, ClusterError> {
        self.client_at(&self.url(), token, user_agent)
    }

    /// For another server of the cluster that shows the same certificate.
    pub(super) fn client_at(&self, url: &str, token: &str, user_agent: &str) -> Result<Client, ClusterError> {
        let failed =
            |what: &str, source: Error| ClusterError::Api { what: what.to_owned(), source: Box::new(source) };
        let url = url
            .parse()
            .map_err(|error| failed("parse the URL", Error::HttpError(http::Error::from(error))))?;
        let mut config = Config::new(url);
        config.root_cert = Some(vec![self.authority_der.clone()]);
        config.auth_info = AuthInfo { token: Some(token.to_owned().into()), ..AuthInfo::default() };
        // A test wants to see the answer that was given, not the fifteenth.
        config.default_retry = false;
        let agent = HeaderValue::from_str(user_agent)
            .map_err(|error| failed("use the user agent", Error::HttpError(http::Error::from(error))))?;
        config.headers.push((USER_AGENT, agent));
        Client::try_from(config).map_err(|error| failed("make a client", error))
    }

    pub(super) fn admin_client(&self) -> Result<Client, ClusterError> {
        self.client(ADMIN_TOKEN, "devcluster-admin")
    }
}

/// A token of a ServiceAccount, as a kubelet asks for it.
pub(super) async fn token(client: &Client, namespace: &str, account: &str) -> Result<String, ClusterError> {
    let failed = |source| ClusterError::Api {
        what: format!("get a token of ServiceAccount {namespace}/{account}"),
        source: Box::new(source),
    };
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let request = TokenRequest::default();
    let answer = accounts.create_token_request(account, &PostParams::default(), &request).await;
    // An API server that answers gives one; without it the first request with this is refused.
    Ok(answer.map_err(failed)?.status.map(|status| status.token).unwrap_or_default())
}

/// The API server's `--token-auth-file`: token, user, uid, groups.
pub(super) fn token_file() -> String {
    [ADMIN, DEVCLUSTER, CONTROLLERS, SCHEDULER, NODE, LIMITED]
        .map(|User { name, token, groups }| format!("{token},{name},{name},{groups}\n"))
        .concat()
}

fn fingerprint(token: &str) -> String {
    uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, token.as_bytes()).to_string()
}
