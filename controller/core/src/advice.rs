//! Advice on what is legal and likely wrong, and on what a deletion will do: words for people, refusing nothing.

use seinode_api::names;

use crate::{
    intent::{Intent, Mode},
    retention::Retention,
};

/// Advice that a person should hear of a spec that is accepted.
#[must_use]
pub fn of(intent: &Intent) -> Vec<String> {
    let validates = matches!(intent.mode, Mode::Validator { .. });
    let images = [("spec.image", &intent.image), ("spec.sidecar.image", &intent.sidecar.image)];
    let of_images = images.into_iter().filter_map(|(field, image)| match tag(image) {
        Tag::Digest => None,
        Tag::Floating => Some(format!(
            "{field}: {image} may be another image tomorrow, and no update is seen then; name a version or a digest"
        )),
        Tag::Version if validates => Some(format!(
            "{field}: a tag can be moved; name the image of a validator by its digest (@sha256:...)"
        )),
        Tag::Version => None,
    });
    let of_keys = intent.unknown_overrides().map(|key| {
        format!(
            "spec.overrides[{key}]: sei-config knows no such key; it passes because of annotation {}",
            names::ALLOW_UNKNOWN_OVERRIDES_ANNOTATION
        )
    });
    of_images.chain(of_keys).collect()
}

/// Fate of the volume of a node that is deleted, and how its data can be kept. `None` where its retention is not
/// known: nobody has said, and the operator has not looked at it yet.
#[must_use]
pub fn deletion(name: &str, retention: Option<Retention>) -> String {
    match retention {
        Some(Retention::Kept) => {
            format!(
                "SeiNode {name} goes; PVC data-{name} stays with its data: delete it by hand, or import it"
            )
        }
        Some(Retention::GoesWithTheNode) => format!(
            "PVC data-{name} and its data go with SeiNode {name}; to retain them, set spec.dataVolume.retain: true before"
        ),
        None => format!(
            "PVC data-{name} is deleted with SeiNode {name} if the SeiNode owns it: check its metadata.ownerReferences"
        ),
    }
}

/// Fate of the imported volume of a node that is deleted.
#[must_use]
pub fn deletion_of_importer(name: &str, pvc: &str) -> String {
    format!("SeiNode {name} goes; PVC {pvc} stays, because it was imported")
}

/// Kind of the name that an image is called by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tag {
    /// A digest: always the same image.
    Digest,
    /// A tag that is meant to stay.
    Version,
    /// `latest`, said or meant (OCI distribution: a reference without tag is `latest`).
    Floating,
}

fn tag(image: &str) -> Tag {
    if image.contains("@sha256:") || image.contains("@sha512:") {
        return Tag::Digest;
    }
    // A colon before the last slash belongs to the port of a registry.
    let last = image.rsplit('/').next().unwrap_or(image);
    match last.split_once(':') {
        None | Some((_, "" | "latest")) => Tag::Floating,
        Some(_) => Tag::Version,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intent(rest: &str) -> Intent {
        let text = format!(
            "apiVersion: sei.io/v1alpha1\nkind: SeiNode\nmetadata: {{name: a, namespace: sei, annotations: \
             {{sei.io/allow-unknown-overrides: 'true'}}}}\nspec: {{chainId: c, {rest}}}"
        );
        Intent::parse(&serde_norway::from_str(&text).unwrap()).unwrap()
    }

    #[test]
    fn images_are_called_by_what_they_are_named_with() {
        for (image, expected) in [
            ("seid", Tag::Floating),
            ("host:5000/seid", Tag::Floating),
            ("seid:latest", Tag::Floating),
            ("host:5000/seid:v6", Tag::Version),
            ("seid:v6@sha256:00", Tag::Digest),
        ] {
            assert_eq!(tag(image), expected, "{image}");
        }
    }

    #[test]
    fn what_is_likely_wrong_is_said_and_nothing_else() {
        for (rest, said) in [
            ("image: 'seid:v6', fullNode: {}", vec![]),
            ("image: 'seid:latest', fullNode: {}", vec!["spec.image: seid:latest may be another image"]),
            ("image: 'seid:v6', validator: {}", vec!["spec.image: a tag can be moved"]),
            ("image: 'seid@sha256:00', validator: {}", vec![]),
            (
                "image: 'seid:v6', fullNode: {}, sidecar: {image: s}",
                vec!["spec.sidecar.image: s may be another image"],
            ),
            (
                "image: 'seid:v6', fullNode: {}, overrides: {evm.brand_new: '1', evm.http_port: '2'}",
                vec!["spec.overrides[evm.brand_new]"],
            ),
        ] {
            let advice = of(&intent(rest));
            assert_eq!(advice.len(), said.len(), "{rest}: {advice:#?}");
            for (line, begin) in advice.iter().zip(&said) {
                assert!(line.starts_with(begin), "{line}");
            }
        }
    }

    #[test]
    fn a_deletion_says_what_becomes_of_the_volume() {
        for (retention, words) in [
            (Some(Retention::GoesWithTheNode), "data-a and its data go with SeiNode a"),
            (Some(Retention::Kept), "PVC data-a stays"),
            (None, "check its metadata.ownerReferences"),
        ] {
            let said = deletion("a", retention);
            assert!(said.contains(words), "{said}");
        }
        assert!(deletion_of_importer("a", "b").contains("PVC b stays, because it was imported"));
    }
}
