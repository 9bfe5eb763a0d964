//! The override keys that the configuration registry of sidecar v0.0.47 knows.
//!
//! One key fewer than the registry of the operator's time: `evm.enabled_legacy_sei_apis` came later, so a
//! sidecar of this version refuses it.

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
         checktx_timeout max_tx_pool_txs slow deny_list max_log_no_block max_blocks_for_log \
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

/// Keys of types that an override cannot express.
const UNSUPPORTED: &[&str] = &["metrics.global_labels", "consensus.unsafe_bypass_commit_timeout_override"];

/// Returns true for a key of the registry.
pub(crate) fn is_known(key: &str) -> bool {
    let (prefix, last) = key.rsplit_once('.').unwrap_or(("", key));
    KEYS.iter().any(|(known, names)| *known == prefix && names.split_whitespace().any(|name| name == last))
}

/// Returns true for a key that an override can set.
pub(crate) fn is_settable(key: &str) -> bool {
    !UNSUPPORTED.contains(&key)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_registry_has_its_223_keys() {
        let keys: BTreeSet<_> = KEYS
            .iter()
            .flat_map(|(prefix, names)| names.split_whitespace().map(move |name| (prefix, name)))
            .collect();
        assert_eq!(keys.len(), 223);
    }

    #[test]
    fn keys_are_found_at_every_depth() {
        for key in
            ["mode", "logging.level", "storage.pruning", "storage.state_commit.memiavl.snapshot_interval"]
        {
            assert!(is_known(key), "{key}");
        }
        for key in
            ["", "no.such", "level", "logging.", "logging", "storage.memiavl", "evm.enabled_legacy_sei_apis"]
        {
            assert!(!is_known(key), "{key}");
        }
        assert!(UNSUPPORTED.iter().all(|key| is_known(key) && !is_settable(key)));
        assert!(is_settable("logging.level"));
    }
}
