//! Rules on the text of a setting, as Kubernetes and S3 have them. Each returns its own message.
//!
//! Source: <https://kubernetes.io/docs/concepts/overview/working-with-objects/names/> and
//! <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set>.

/// Valid, or the error as the end of a sentence that begins with the setting and its value.
pub type Validated = Result<(), &'static str>;

/// Name of a namespace: RFC 1123 label.
pub fn dns_label(text: &str) -> Validated {
    if text.len() > 63 {
        return Err("is longer than 63 characters");
    }
    if !text.bytes().all(|byte| is_lower_alphanumeric(byte) || byte == b'-') {
        return Err("has characters other than a-z, 0-9 and -");
    }
    edges(text, is_lower_alphanumeric, "does not begin and end with one of a-z, 0-9")
}

/// Name of most objects: RFC 1123 subdomain.
pub fn dns_subdomain(text: &str) -> Validated {
    if text.len() > 253 {
        return Err("is longer than 253 characters");
    }
    if !text.bytes().all(|byte| is_lower_alphanumeric(byte) || matches!(byte, b'-' | b'.')) {
        return Err("has characters other than a-z, 0-9, - and .");
    }
    let whole = |part| edges(part, is_lower_alphanumeric, "").is_ok();
    if text.split('.').all(whole) {
        Ok(())
    } else {
        Err("has a part, between dots, that does not begin and end with one of a-z, 0-9")
    }
}

/// Value of a label or of a toleration.
pub fn label_value(text: &str) -> Validated {
    if text.len() > 63 {
        return Err("is longer than 63 characters");
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !text.bytes().all(allowed) {
        return Err("has characters other than letters, digits, -, _ and .");
    }
    edges(text, |byte| byte.is_ascii_alphanumeric(), "does not begin and end with a letter or digit")
}

/// Key of a label or of a taint: a name, perhaps with a domain before a slash.
pub fn qualified_name(text: &str) -> Validated {
    let name = match text.split_once('/') {
        Some((domain, name)) => {
            dns_subdomain(domain).map_err(|_| "has no DNS name before the slash")?;
            name
        }
        None => text,
    };
    if name.is_empty() && !text.is_empty() {
        return Err("has no name after the slash");
    }
    label_value(name)
}

/// Name of an S3 bucket, or the ARN of an access point. Buckets of the first years may have capitals and `_`.
pub fn bucket(text: &str) -> Validated {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if text.contains("://") {
        return Err("is a URL");
    }
    let arn = text.starts_with("arn:");
    if !arn && text.contains('/') {
        return Err("has a path");
    }
    if !text.bytes().all(|byte| plain(byte) || (arn && matches!(byte, b':' | b'/'))) {
        return Err("has characters other than letters, digits, -, _ and .");
    }
    Ok(())
}

/// Code of an AWS region.
pub fn region(text: &str) -> Validated {
    if text.bytes().all(|byte| is_lower_alphanumeric(byte) || byte == b'-') {
        Ok(())
    } else {
        Err("has characters other than a-z, 0-9 and -")
    }
}

fn edges(text: &str, good: impl Fn(u8) -> bool, otherwise: &'static str) -> Validated {
    match (text.bytes().next(), text.bytes().last()) {
        (Some(first), Some(last)) if good(first) && good(last) => Ok(()),
        (None, _) => Err("is empty"),
        _ => Err(otherwise),
    }
}

fn is_lower_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rule: fn(&str) -> Validated, good: &[&str], bad: &[(&str, &str)]) {
        for text in good {
            assert_eq!(rule(text), Ok(()), "{text:?}");
        }
        for (text, why) in bad {
            assert!(rule(text).is_err_and(|reason| reason.contains(why)), "{text:?}: {:?}", rule(text));
        }
    }

    #[test]
    fn names_of_kubernetes() {
        let long = "a".repeat(64);
        check(
            dns_label,
            &["a", "sei-1", "0"],
            &[
                (&long, "longer than 63"),
                ("A", "other than"),
                ("a.b", "other than"),
                ("-a", "begin"),
                ("", "is empty"),
            ],
        );
        check(
            dns_subdomain,
            &["a", "gp3-10k-750", "a.b-c.d"],
            &[
                (&"a".repeat(254), "longer than 253"),
                ("a..b", "part"),
                ("a_b", "other than"),
                ("a\n", "other than"),
            ],
        );
        check(
            label_value,
            &["sei-node", "A_b.c"],
            &[
                (&long, "longer"),
                ("a/b", "other than"),
                ("_a", "begin"),
                ("", "is empty"),
                ("\u{fffd}", "other than"),
            ],
        );
        check(
            qualified_name,
            &["sei.io/workload", "dedicated"],
            &[
                ("/a", "before the slash"),
                ("Sei.io/a", "before the slash"),
                ("sei.io/", "after the slash"),
                ("a/b/c", "other"),
            ],
        );
    }

    #[test]
    fn names_of_s3() {
        check(
            bucket,
            &[
                "dev-sei-snapshots",
                "Old_Bucket.eu",
                "arn:aws:s3:us-east-2:123456789012:accesspoint/snapshots",
            ],
            &[("s3://b", "URL"), ("b/path", "path"), ("b c", "other than"), ("b:c", "other than")],
        );
        check(region, &["us-east-2"], &[("us east", "other than"), ("US-EAST-2", "other than")]);
    }
}
