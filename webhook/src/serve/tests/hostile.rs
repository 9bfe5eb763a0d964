//! Clients that send late, slowly, or less than they announce.

use std::time::{Duration, Instant};

use super::{
    MIB,
    client::{Client, Response},
    fixtures::{Served, allow, counted},
    held, patient,
};
use crate::serve::Limits;

/// A first byte is late soon, in a crowd.
const SOON: Duration = Duration::from_millis(50);

#[tokio::test]
async fn a_first_byte_may_be_late_unless_many_are_waited_for() {
    let served = Served::start(Limits { first_byte: SOON, few: 1, ..patient() }, allow).await;
    let (mut one, mut other) = (Client::connect(&served).await, Client::connect(&served).await);
    one.begin(2, b"").await;
    other.begin(2, b"").await;
    let (late, mut last) = tokio::select! {
        response = one.response() => (response, other),
        response = other.response() => (response, one),
    };
    assert_eq!(late.status, 408, "two are more than one");
    let begin = Instant::now();
    while begin.elapsed() < 4 * SOON {
        Client::connect(&served).await.post(&vec![b' '; MIB]).await;
    }
    last.finish(b"{}").await;
    assert_eq!(last.response().await.status, 200);
}

#[tokio::test]
async fn a_first_byte_that_is_late_times_out() {
    let limits = Limits { first_byte: SOON, first_byte_of_few: SOON, ..patient() };
    let served = Served::start(limits, allow).await;
    let mut silent = Client::connect(&served).await;
    silent.begin(5, b"").await;
    assert_eq!(silent.response().await.status, 408);
    let mut client = Client::connect(&served).await;
    client.begin(2, b"{").await;
    client.finish(b"}").await;
    assert_eq!(client.response().await.status, 200, "the rest of a body has the whole deadline");
}

#[tokio::test]
async fn announced_bodies_do_not_keep_others_out() {
    let limits = Limits { large: MIB, ..patient() };
    let served = Served::start(limits, allow).await;
    let mut announced = Vec::new();
    for _ in 0..20 {
        let mut client = Client::connect(&served).await;
        client.begin(3 * MIB, b"{").await;
        announced.push(client);
    }
    counted(&served, "in flight", || served.metric("sei_admission_requests_in_flight") == 20.0).await;
    let Response { status, body, .. } = Client::connect(&served).await.post(&vec![b' '; MIB]).await;
    assert_eq!((status, body), (200, format!("reviewed {MIB} bytes")));
    assert_eq!(served.metric("sei_admission_shed_total"), 0.0);
}

#[tokio::test]
async fn the_slowest_body_makes_room_for_faster_ones() {
    let served = Served::start(Limits { large: MIB, ..patient() }, allow).await;
    let mut slow = Client::connect(&served).await;
    slow.begin(3 * MIB, &vec![b' '; MIB / 2]).await;
    let in_flight = || served.metric("sei_admission_requests_in_flight");
    counted(&served, "in flight", || in_flight() == 1.0).await;
    // It is the slowest one from the moment that others are as large.
    let reply = async {
        loop {
            let status = Client::connect(&served).await.post(&vec![b' '; MIB]).await.status;
            if status == 200 {
                break;
            }
            assert_eq!(status, 503);
        }
    };
    tokio::time::timeout(super::PATIENCE, reply).await.expect("the slow body keeps others out");
    assert_eq!(slow.response().await.status, 503);
}

#[tokio::test]
async fn small_reviews_have_a_reserve_beside_large_bodies() {
    let (served, held) = held(Limits { large: MIB, ..patient() }).await;
    let mut large = Client::connect(&served).await;
    let large = tokio::spawn(async move { large.post(&vec![b' '; MIB]).await.status });
    let held = held.begun().await;
    assert_eq!(Client::connect(&served).await.post(&vec![b' '; MIB]).await.status, 503);
    assert_eq!(Client::connect(&served).await.post(&[b' '; 64 << 10]).await.status, 200);
    held.may_end.send(()).unwrap();
    assert_eq!(large.await.unwrap(), 200);
}

#[tokio::test]
async fn a_connection_that_sends_slowly_is_evicted_for_a_new_one() {
    let served = Served::start(Limits { connections: 4, ..patient() }, allow).await;
    let mut stalled = Vec::new();
    for _ in 0..4 {
        let mut client = Client::connect(&served).await;
        client.begin(200_000, b"{").await;
        stalled.push(client);
    }
    counted(&served, "in flight", || served.metric("sei_admission_requests_in_flight") == 4.0).await;
    assert_eq!(Client::connect(&served).await.post(b"{}").await.status, 200);
    assert_eq!(stalled[0].response().await.status, 503);
    let evicted = || served.metric("sei_admission_connections_displaced_total") == 1.0;
    counted(&served, "evicted", evicted).await;
}
