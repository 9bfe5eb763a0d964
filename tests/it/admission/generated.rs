//! 5,000 SeiNodes, each made of cases of the table by chance, validated by the API server in a dry run and by the
//! webhook: whatever schema or CEL denies the parser denies too, at the same place; only the parser denies what the table
//! lists as its own.

use std::{ops::Range, sync::Arc};

use futures::{StreamExt, stream};
use scenario::scenario;
use serde_json::Value;

use super::agreement::{causes, is, place};
use crate::{
    crd::{
        admission::play,
        nodes::{Nodes, Run},
        table::{Case, cases, merged, parser_only},
    },
    kit::Kit,
};

/// Objects in all, and in a sample.
const OBJECTS: u64 = 5_000;
const SAMPLED: u64 = 1_000;
const AT_ONCE: usize = 16;

#[scenario(first)]
async fn the_api_server_and_the_parser_agree_on_generated_objects(kit: Arc<Kit>) {
    let begin = scenario::seed() % (OBJECTS / SAMPLED) * SAMPLED;
    agree_on(&kit, begin + 1..begin + 1 + SAMPLED).await;
}

#[scenario(exhaustive)]
async fn the_api_server_and_the_parser_agree_on_every_object(kit: Arc<Kit>) {
    agree_on(&kit, 1..OBJECTS + 1).await;
}

/// Compares the answers to the objects that these seeds generate.
async fn agree_on(kit: &Kit, seeds: Range<u64>) {
    let count = usize::try_from(seeds.end - seeds.start).unwrap();
    let namespace = kit.namespace().await;
    let nodes = Nodes::shared(&namespace.client, &namespace.name);
    let only = parser_only();
    for case in &only {
        let (accepted, refused) = play(&nodes, case).await;
        for answer in [accepted, refused] {
            assert!(answer.is_ok(), "{}: not the parser's alone: {answer:#?}", case.label);
        }
    }
    let parts: Vec<[Value; 2]> = cases()
        .into_iter()
        .chain(parser_only())
        .filter(|case| case.stored.is_none())
        .map(|case| [case.accept, case.refuse])
        .collect();
    let judged: Vec<_> = stream::iter(seeds)
        .map(|seed| compare(&nodes, &only, generated(&parts, seed)))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let refused = judged.iter().filter(|outcome| matches!(outcome, Ok(Verdict::Refused))).count();
    let differ: Vec<_> = judged.into_iter().filter_map(Result::err).collect();
    assert!(
        differ.is_empty(),
        "{} differ, the first of them: {:#?}",
        differ.len(),
        &differ[..differ.len().min(5)]
    );
    let range = count / 10..count * 9 / 10;
    assert!(range.contains(&refused), "{refused} of {count} are refused: that tells of one kind only");
}

/// The verdict of both.
enum Verdict {
    LetIn,
    Refused,
}

async fn compare(nodes: &Nodes, only: &[Case], object: Value) -> Result<Verdict, String> {
    let here = causes(&object, &Value::Null);
    match nodes.create(&object, Run::Dry).await {
        Ok(_) => {
            let beyond = here.iter().find(|cause| !only.iter().any(|case| is(case, cause)));
            match beyond {
                None => Ok(Verdict::LetIn),
                Some(beyond) => {
                    Err(format!("the API server lets in what is refused here: {beyond:?}\n{object}"))
                }
            }
        }
        Err(there) => {
            // An object that cannot be read as a SeiNode is denied for the first reason only.
            if here.iter().any(|(_, output)| output.contains("it cannot be read")) {
                return Ok(Verdict::Refused);
            }
            let missed = there.iter().find(|(field, _)| !here.iter().any(|(ours, _)| *ours == place(field)));
            match missed {
                None => Ok(Verdict::Refused),
                Some(missed) => {
                    Err(format!("only the API server refuses {missed:?}; here: {here:?}\n{object}"))
                }
            }
        }
    }
}

/// One to three cases in one object, each valid or not.
fn generated(parts: &[[Value; 2]], seed: u64) -> Value {
    let mut state = seed;
    let mut below = |limit: usize| {
        // splitmix64: it spreads well enough and needs no library.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed >> 33) as usize) % limit
    };
    let mut object = Value::Null;
    for _ in 0..=below(3) {
        let part = parts[below(parts.len())][usize::from(below(3) == 0)].clone();
        if object.is_null() {
            object = part;
            continue;
        }
        let spec = part["spec"].clone();
        object["spec"] = merged(object["spec"].take(), &spec);
    }
    object
}
