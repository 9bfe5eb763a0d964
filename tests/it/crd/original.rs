//! The original CRD judged by the same table: what is marked as new it lets in, the rest it refuses too, and
//! nothing that ours lets in is unknown to it. This keeps the table and our copy of the original honest.

use std::sync::Arc;

use scenario::scenario;

use super::{
    admission::play,
    nodes::Nodes,
    table::{Original, cases},
};
use crate::kit::Kit;

#[scenario]
async fn the_original_crd_differs_only_where_the_table_says(kit: Arc<Kit>) {
    let own = kit.namespace().await;
    let (client, namespace) = (&own.client, own.name.as_str());
    let nodes = Nodes::copies(client, namespace, "original.sei.io");
    nodes.install_original().await;
    for case in cases() {
        let (accepted, refused) = play(&nodes, &case).await;
        assert!(accepted.is_ok(), "{}: ours is wider than the original: {accepted:#?}", case.label);
        let original = if refused.is_ok() { Original::Accepted } else { Original::Refused };
        assert_eq!(original, case.original, "{}: {refused:#?}", case.label);
    }
}
