//! Messages about credentials, without the credentials: kube's own repeat lines of the file and a plugin's output.

use kube::{client::AuthError, config::KubeconfigError};

/// Problem of a kubeconfig; of its contents only the place.
pub fn kubeconfig(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::Parse(malformed) => match malformed.location() {
            Some(place) => format!("line {}, column {} is no valid kubeconfig", place.line(), place.column()),
            None => "it is no valid kubeconfig".to_owned(),
        },
        KubeconfigError::ReadConfig(why, path) => format!("{} cannot be read: {why}", path.display()),
        other => other.to_string(),
    }
}

/// Problem of a client's settings; of a credential plugin only its exit.
pub fn client(error: &kube::Error) -> String {
    match error {
        kube::Error::Auth(AuthError::AuthExecRun { out, .. }) => {
            format!("the credential plugin of the kubeconfig failed ({})", out.status)
        }
        kube::Error::Auth(AuthError::AuthExecParse(_)) => {
            "the credential plugin of the kubeconfig printed no ExecCredential".to_owned()
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use kube::{
        Client, Config,
        config::{KubeConfigOptions, Kubeconfig},
    };

    use super::*;

    const SECRET: &str = "hunter2hunter2";

    #[test]
    fn a_malformed_kubeconfig_is_placed_but_not_repeated() {
        let text = format!("apiVersion: v1\nusers:\n- name: a\n  user: {{ token: [{SECRET}] }}\n");
        let error = Kubeconfig::from_yaml(&text).unwrap_err();
        assert!(error.to_string().contains(SECRET), "kube became discreet; this file can go");
        assert_eq!(kubeconfig(&error), "line 4, column 18 is no valid kubeconfig");
    }

    #[tokio::test]
    async fn a_failed_plugin_is_reported_without_its_output() {
        for (script, expected) in [
            (format!("echo {SECRET}; exit 3"), "exit status: 3"),
            (format!("echo '{{[{SECRET}'"), "printed no ExecCredential"),
        ] {
            let text = format!(
                "current-context: c\n\
                 contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n\
                 clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:1'}}}}]\n\
                 users: [{{name: u, user: {{exec: {{apiVersion: client.authentication.k8s.io/v1, command: sh, \
                 args: [-c, \"{script}\"], interactiveMode: Never}}}}}}]\n"
            );
            let parsed = Kubeconfig::from_yaml(&text).unwrap();
            let config = Config::from_custom_kubeconfig(parsed, &KubeConfigOptions::default()).await.unwrap();
            let Err(error) = Client::try_from(config) else { panic!("{script} gave credentials") };
            let message = client(&error);
            assert!(error.to_string().contains(SECRET), "kube became discreet; this file can go: {error}");
            assert!(message.contains(expected) && !message.contains(SECRET), "{message}");
        }
    }
}
