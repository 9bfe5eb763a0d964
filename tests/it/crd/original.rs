//! The original CRD judged by the same table: what is marked as new it lets in, the rest it refuses too, and
//! nothing that ours lets in is unknown to it. This keeps the table and our copy of the original honest.

use kube::Client;

use super::{
    nodes::{Nodes, Run, name},
    table::{Original, cases},
};

pub async fn the_original_differs_from_ours_where_the_table_says(client: &Client, namespace: &str) {
    let nodes = Nodes::new(client, namespace, "original.sei.io");
    nodes.install_original().await;
    for case in cases() {
        let (accepted, refused) = match &case.stored {
            None => (nodes.create(&case.accept, Run::Dry).await, nodes.create(&case.refuse, Run::Dry).await),
            Some(stored) => {
                nodes.create(stored, Run::Real).await.unwrap();
                let (name, dry) = (name(stored), Run::Dry);
                (nodes.change(name, &case.accept, dry).await, nodes.change(name, &case.refuse, dry).await)
            }
        };
        assert!(accepted.is_ok(), "{}: ours is wider than the original: {accepted:#?}", case.label);
        let original = if refused.is_ok() { Original::Accepted } else { Original::Refused };
        assert_eq!(original, case.original, "{}: {refused:#?}", case.label);
    }
}
