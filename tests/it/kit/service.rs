//! A Service in front of operators, as a kube-proxy makes one: a new connection goes to one of those that are ready, and
//! stays there for as long as it lasts.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    time::sleep,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Operator;

/// How often readiness is asked; a kubelet does so every few seconds.
const GLANCE: Duration = Duration::from_millis(200);

/// Where connections go, and until when.
pub struct Service {
    pub port: u16,
    routes: Arc<Routes>,
    _ends_with_it: DropGuard,
}

#[derive(Default)]
struct Routes {
    members: Mutex<Vec<Member>>,
    turn: AtomicUsize,
}

struct Member {
    health: String,
    address: String,
    ready: bool,
}

impl Service {
    /// Starts one without members; it ends when it is dropped.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (routes, end) = (Arc::new(Routes::default()), CancellationToken::new());
        let accepting = accept_all(listener, Arc::clone(&routes));
        tokio::spawn(end.clone().run_until_cancelled_owned(accepting));
        tokio::spawn(end.clone().run_until_cancelled_owned(probe_all(Arc::clone(&routes))));
        Self { port, routes, _ends_with_it: end.drop_guard() }
    }

    /// Adds an operator, which gets connections while it is ready.
    pub async fn add(&self, operator: &Operator) {
        let (health, address) = (operator.address("health").await, operator.address("webhooks").await);
        self.routes.members.lock().unwrap().push(Member { health, address, ready: false });
    }
}

async fn accept_all(listener: TcpListener, routes: Arc<Routes>) {
    while let Ok((mut client, _)) = listener.accept().await {
        let Some(address) = routes.next() else { continue };
        tokio::spawn(async move {
            let mut server = TcpStream::connect(address).await?;
            copy_bidirectional(&mut client, &mut server).await
        });
    }
}

async fn probe_all(routes: Arc<Routes>) {
    loop {
        let members: Vec<_> =
            routes.members.lock().unwrap().iter().map(|member| member.health.clone()).collect();
        for health in members {
            let answer = reqwest::get(format!("http://{health}/readyz")).await;
            let ready = answer.is_ok_and(|answer| answer.status().is_success());
            let mut members = routes.members.lock().unwrap();
            members
                .iter_mut()
                .filter(|member| member.health == health)
                .for_each(|member| member.ready = ready);
        }
        sleep(GLANCE).await;
    }
}

impl Routes {
    fn next(&self) -> Option<String> {
        let members = self.members.lock().unwrap();
        let ready: Vec<_> = members.iter().filter(|member| member.ready).collect();
        let turn = self.turn.fetch_add(1, Relaxed);
        ready.get(turn % ready.len().max(1)).map(|member| member.address.clone())
    }
}
