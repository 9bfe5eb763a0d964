//! `spec.overrides`: only keys that sei-config knows, so that a typo is told when the spec is read and not by a
//! node that does not start (W2; registry of sei-config v0.0.14: plans-tasks-sidecar §6.4).

use std::collections::BTreeMap;

use seinode_api::names;

use crate::violation::Violation;

/// A suggestion is made only for a key at least this alike (Jaro-Winkler, 1 is the same).
const ALIKE: f64 = 0.85;

/// Keys that the registry lists but that no override can set: their types are not text (sidecar contract).
const UNSETTABLE: [&str; 2] = ["metrics.global_labels", "consensus.unsafe_bypass_commit_timeout_override"];

/// Prefixes and the last parts of the keys below them.
const KEYS: &[(&str, &str)] = &[
    ("", "version mode"),
    (
        "chain",
        "chain_id moniker proxy_app abci filter_peers min_gas_prices halt_height halt_time min_retain_blocks \
         inter_block_cache index_events concurrency_workers occ_enabled",
    ),
    (
        "network.rpc",
        "listen_address cors_allowed_origins cors_allowed_methods cors_allowed_headers unsafe \
         max_open_connections max_subscription_clients max_subscriptions_per_client \
         experimental_disable_websocket event_log_window_size event_log_max_items timeout_broadcast_tx_commit \
         max_body_bytes max_header_bytes tls_cert_file tls_key_file pprof_listen_address lag_threshold \
         timeout_read",
    ),
    (
        "network.p2p",
        "listen_address external_address bootstrap_peers persistent_peers blocksync_peers upnp \
         max_connections max_incoming_connection_attempts pex private_peer_ids allow_duplicate_ip \
         unconditional_peer_ids flush_throttle_timeout max_packet_msg_payload_size send_rate recv_rate \
         handshake_timeout dial_timeout dial_interval queue_type",
    ),
    (
        "consensus",
        "wal_path create_empty_blocks create_empty_blocks_interval gossip_transaction_key_only \
         peer_gossip_sleep_duration peer_query_maj23_sleep_duration double_sign_check_height \
         unsafe_propose_timeout_override unsafe_propose_timeout_delta_override unsafe_vote_timeout_override \
         unsafe_vote_timeout_delta_override unsafe_commit_timeout_override \
         unsafe_bypass_commit_timeout_override",
    ),
    (
        "mempool",
        "broadcast size max_txs_bytes cache_size duplicate_txs_cache_size keep_invalid_txs_in_cache \
         max_tx_bytes max_batch_bytes ttl_duration ttl_num_blocks tx_notify_threshold \
         check_tx_error_blacklist_enabled check_tx_error_threshold pending_size max_pending_txs_bytes \
         pending_ttl_duration pending_ttl_num_blocks remove_expired_txs_from_queue drop_priority_threshold \
         drop_utilisation_threshold drop_priority_reservoir_size",
    ),
    (
        "state_sync",
        "enable use_p2p rpc_servers trust_height trust_hash trust_period backfill_blocks backfill_duration \
         discovery_time temp_dir chunk_request_timeout fetchers verify_light_block_timeout blacklist_ttl \
         use_local_snapshot light_block_response_timeout",
    ),
    (
        "storage",
        "db_backend db_path pruning pruning_keep_recent pruning_keep_every pruning_interval snapshot_interval \
         snapshot_keep_recent snapshot_directory compaction_interval iavl_disable_fast_node",
    ),
    ("storage.state_commit", "enable directory async_commit_buffer write_mode read_mode"),
    (
        "storage.state_commit.memiavl",
        "snapshot_keep_recent snapshot_interval snapshot_min_time_interval snapshot_writer_limit \
         snapshot_prefetch_threshold",
    ),
    (
        "storage.state_store",
        "enable db_directory backend async_write_buffer keep_recent prune_interval_seconds \
         import_num_workers keep_last_version use_default_comparer write_mode read_mode evm_db_directory",
    ),
    (
        "storage.receipt_store",
        "backend db_directory async_write_buffer keep_recent prune_interval_seconds tx_index_backend",
    ),
    ("tx_index", "indexer psql_conn"),
    (
        "evm",
        "http_enabled http_port ws_enabled ws_port read_timeout read_header_timeout write_timeout \
         idle_timeout simulation_gas_limit simulation_evm_timeout cors_origins ws_origins filter_timeout \
         checktx_timeout max_tx_pool_txs slow deny_list enabled_legacy_sei_apis max_log_no_block max_blocks_for_log \
         max_subscriptions_new_head enable_test_api max_concurrent_trace_calls \
         max_concurrent_simulation_calls max_trace_lookback_blocks trace_timeout rpc_stats_interval \
         worker_pool_size worker_queue_size",
    ),
    ("evm.query", "gas_limit"),
    ("evm.replay", "enabled eth_rpc eth_data_dir contract_state_checks"),
    ("evm.block_test", "enabled test_data_path"),
    (
        "api.rest",
        "enable swagger address max_open_connections rpc_read_timeout rpc_write_timeout rpc_max_body_bytes \
         enable_unsafe_cors",
    ),
    ("api.grpc", "enable address"),
    ("api.grpc_web", "enable address enable_unsafe_cors"),
    (
        "metrics",
        "enabled prometheus_listen_addr max_open_connections namespace service_name enable_hostname \
         enable_hostname_label enable_service_label prometheus_retention_time global_labels",
    ),
    ("logging", "level format"),
    ("wasm", "query_gas_limit lru_size"),
    ("giga_executor", "enabled occ_enabled"),
    ("light_invariance", "supply_enabled"),
    (
        "priv_validator",
        "key_file state_file listen_addr client_certificate_file client_key_file root_ca_file",
    ),
    (
        "self_remediation",
        "p2p_no_peers_restart_window_seconds statesync_no_peers_restart_window_seconds \
         blocks_behind_threshold blocks_behind_check_interval_seconds restart_cooldown_seconds",
    ),
    ("genesis", "stream_import genesis_stream_file"),
];

/// Whether keys that the registry lacks may pass, for sidecars that are newer than it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    Refused,
    Allowed,
}

/// Checks the keys of `spec.overrides`. Values are checked by the sidecar, which knows their types.
pub(super) fn check(overrides: &BTreeMap<String, String>, unknown: Unknown, found: &mut Vec<Violation>) {
    for key in overrides.keys() {
        let field = format!("spec.overrides[{key}]");
        if UNSETTABLE.contains(&key.as_str()) {
            found.push(Violation::new(&field, "this key cannot be set through overrides", "remove it"));
        } else if unknown == Unknown::Refused && !is_known(key) {
            let remedy = match nearest(key) {
                Some(near) => format!("did you mean {near}?"),
                None => "correct or remove it".to_owned(),
            };
            let remedy = format!(
                "{remedy} If your sidecar is newer than this operator, annotate the SeiNode with {}: \"true\"",
                names::ALLOW_UNKNOWN_OVERRIDES_ANNOTATION
            );
            found.push(Violation::new(&field, "sei-config knows no such key", remedy));
        }
    }
}

/// The keys that pass only because unknown ones may.
pub(super) fn strangers(overrides: &BTreeMap<String, String>) -> impl Iterator<Item = &str> {
    overrides.keys().map(String::as_str).filter(|key| !is_known(key))
}

/// Without spelling out the registry: every review of a SeiNode asks this for each of its keys.
fn is_known(key: &str) -> bool {
    let (above, last) = match key.rsplit_once('.') {
        Some(("", _)) => return false,
        Some(parts) => parts,
        None => ("", key),
    };
    let mut groups = KEYS.iter().filter(|(prefix, _)| *prefix == above);
    groups.any(|(_, names)| names.split_whitespace().any(|name| name == last))
}

fn all() -> impl Iterator<Item = String> {
    KEYS.iter().flat_map(|(prefix, names)| {
        names.split_whitespace().map(move |name| match *prefix {
            "" => name.to_owned(),
            prefix => format!("{prefix}.{name}"),
        })
    })
}

fn nearest(key: &str) -> Option<String> {
    let rated = all().map(|known| (strsim::jaro_winkler(&known, key), known));
    let (likeness, best) = rated.max_by(|one, other| one.0.total_cmp(&other.0))?;
    (likeness >= ALIKE).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(key: &str, unknown: Unknown) -> Vec<Violation> {
        let mut found = Vec::new();
        check(&BTreeMap::from([(key.to_owned(), "1".to_owned())]), unknown, &mut found);
        found
    }

    #[test]
    fn the_registry_is_whole() {
        assert_eq!(all().count(), 224);
        assert!(all().all(|key| is_known(&key)));
        assert!(![".version", "chain", "chain.", "", "rpc.unsafe"].into_iter().any(is_known));
        for key in [
            "version",
            "evm.http_port",
            "storage.state_commit.memiavl.snapshot_keep_recent",
            "api.grpc.address",
        ] {
            assert!(found(key, Unknown::Refused).is_empty(), "{key}");
        }
    }

    #[test]
    fn a_typo_gets_the_key_that_was_meant() {
        for (typo, meant) in [
            ("evm.http_prot", "evm.http_port"),
            ("loging.level", "logging.level"),
            ("network.p2p.max_conections", "network.p2p.max_connections"),
        ] {
            let violation = &found(typo, Unknown::Refused)[0];
            assert_eq!(violation.field, format!("spec.overrides[{typo}]"));
            assert!(violation.remedy.contains(&format!("did you mean {meant}?")), "{violation}");
        }
        let stranger = &found("zzz", Unknown::Refused)[0];
        assert!(!stranger.remedy.contains("did you mean"), "{stranger}");
    }

    #[test]
    fn the_annotation_lets_unknown_keys_pass_but_not_those_that_cannot_be_set() {
        assert!(found("evm.brand_new", Unknown::Allowed).is_empty());
        assert_eq!(found("metrics.global_labels", Unknown::Allowed).len(), 1);
    }
}
