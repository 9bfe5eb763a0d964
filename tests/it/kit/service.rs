//! A Service in front of operators, as a kube-proxy makes one: a new connection goes to one of those that are ready, and
//! stays there for as long as it lasts. It is the one with the fewest, so that a newcomer gets the next.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    time::sleep,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Operator, eventually};

/// Period of readiness checks; that of a kubelet is a few seconds.
const GLANCE: Duration = Duration::from_millis(200);

/// Service that routes connections to its members until it is dropped.
pub struct Service {
    pub port: u16,
    routes: Arc<Routes>,
    _ends_with_it: DropGuard,
}

#[derive(Default)]
struct Routes {
    members: Mutex<Vec<Member>>,
}

struct Member {
    health: String,
    address: String,
    ready: bool,
    /// Shared by its connections.
    connections: Arc<()>,
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
        let member = Member { health, address, ready: false, connections: Arc::default() };
        self.routes.members.lock().unwrap().push(member);
    }

    /// Waits until an operator gets connections: that it is ready is learned with the next look only, and until then
    /// nobody else may go.
    pub async fn has(&self, operator: &Operator) {
        let health = operator.address("health").await;
        eventually("a replica that is ready gets connections", async || {
            let members = self.routes.members.lock().unwrap();
            if members.iter().any(|it| it.health == health && it.ready) { Ok(()) } else { Err(&health) }
        })
        .await;
    }
}

async fn accept_all(listener: TcpListener, routes: Arc<Routes>) {
    while let Ok((mut client, _)) = listener.accept().await {
        let Some((address, counted)) = routes.next() else { continue };
        tokio::spawn(async move {
            let mut server = TcpStream::connect(address).await?;
            let copied = copy_bidirectional(&mut client, &mut server).await;
            drop(counted);
            copied
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
    fn next(&self) -> Option<(String, Arc<()>)> {
        let members = self.members.lock().unwrap();
        let ready = members.iter().filter(|member| member.ready);
        let least = ready.min_by_key(|member| Arc::strong_count(&member.connections))?;
        Some((least.address.clone(), Arc::clone(&least.connections)))
    }
}
