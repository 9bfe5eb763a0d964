//! Role of a validator: to observe, to sign, or to found a chain; and how its keys go together.

use seinode_api::spec;

use super::{Ceremony, Mode, Role, Start, start};
use crate::{intent::limits, violation::Violation};

/// Parses what a validator is to do.
pub(super) fn parse(validator: &spec::Validator, found: &mut Vec<Violation>) -> Mode {
    let signing = secret("spec.validator.signingKey", validator.signing_key.as_ref(), found);
    let node = secret("spec.validator.nodeKey", validator.node_key.as_ref(), found);
    let ceremony = validator.genesis_ceremony.as_ref().map(|ceremony| ceremony_of(ceremony, found));
    let snapshot = start("spec.validator.snapshot", validator.snapshot.as_ref(), found);
    if signing == node && signing.as_ref().is_some_and(|secret| !secret.is_empty()) {
        found.push(Violation::new(
            "spec.validator",
            "signingKey and nodeKey name the same Secret",
            "keep them in two Secrets, so that nothing that needs one can read the other",
        ));
    }
    if signing.is_some() != node.is_some() {
        let rule = "signingKey and nodeKey go together";
        found.push(Violation::new("spec.validator", rule, "set both, or neither"));
    }
    let has_keys = signing.is_some() || node.is_some();
    let (role, start) = match (signing.zip(node), ceremony) {
        (_, Some(_)) if has_keys => {
            let rule = "a genesis ceremony makes its own keys";
            found.push(Violation::new("spec.validator", rule, "remove genesisCeremony, or both keys"));
            (Role::Observer, snapshot)
        }
        (_, Some(ceremony)) => (Role::Genesis(ceremony), Start::BlockSync),
        (Some((signing_secret, node_secret)), None) => {
            (Role::Signer { signing_secret, node_secret }, snapshot)
        }
        (None, None) => (Role::Observer, snapshot),
    };
    Mode::Validator { start, role }
}

fn secret(field: &str, source: Option<&spec::KeySource>, found: &mut Vec<Violation>) -> Option<String> {
    let Some(secret) = &source?.secret else {
        let field = format!("{field}.secret");
        found.push(Violation::new(&field, "this key has no source", "set secret.secretName"));
        return Some(String::new());
    };
    limits::object_name(&format!("{field}.secret.secretName"), "Secret", &secret.secret_name, found);
    Some(secret.secret_name.clone())
}

fn ceremony_of(ceremony: &spec::GenesisCeremony, found: &mut Vec<Violation>) -> Ceremony {
    for (member, value) in [
        ("chainId", &ceremony.chain_id),
        ("stakingAmount", &ceremony.staking_amount),
        ("accountBalance", &ceremony.account_balance),
    ] {
        if value.is_empty() {
            let field = format!("spec.validator.genesisCeremony.{member}");
            found.push(Violation::new(&field, "it is empty", "set it: the ceremony cannot do without"));
        }
    }
    if ceremony.index < 0 {
        let rule = format!("{} is no number of a founder", ceremony.index);
        found.push(Violation::new("spec.validator.genesisCeremony.index", rule, "count the founders from 0"));
    }
    Ceremony {
        chain_id: ceremony.chain_id.clone(),
        staking_amount: ceremony.staking_amount.clone(),
        account_balance: ceremony.account_balance.clone(),
        genesis_params: ceremony.genesis_params.clone().filter(|params| !params.is_empty()),
    }
}
