//! A JSON value that is read where it lies.
//!
//! Anybody who reaches the port can send megabytes of JSON, and a tree of it takes up to a hundred times its bytes. A
//! [`View`] is a slice of the body: finding a member skips over everything else and allocates nothing. So the memory
//! of a review is its body, and what a verdict copies out of it.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// A JSON value, or nothing, inside a larger text.
#[derive(Clone, Copy, Debug, Default)]
pub struct View<'a>(Option<&'a RawValue>);

impl<'a> View<'a> {
    /// The member of this name, the last one where there are several; nothing where this is not an object.
    #[must_use]
    pub fn get(self, name: &str) -> Self {
        let [found] = self.members([name]);
        found
    }

    /// The member at the end of a path of names.
    #[must_use]
    pub fn at(self, path: &[&str]) -> Self {
        path.iter().fold(self, |view, name| view.get(name))
    }

    /// The members of these names, found in one pass.
    #[must_use]
    pub fn members<const N: usize>(self, names: [&str; N]) -> [Self; N] {
        let mut found = [Self::default(); N];
        self.each_member(|name, value| {
            if let Some((_, place)) = names.iter().zip(&mut found).find(|(wanted, _)| **wanted == name) {
                *place = value;
            }
        });
        found
    }

    /// Visits every member of an object in the order written; none where this is not an object.
    pub fn each_member(self, visit: impl FnMut(&str, Self)) {
        if let Kind::Object = self.kind() {
            self.walk(Members(visit));
        }
    }

    /// Visits every item of a list in the order written; none where this is not a list.
    pub fn each_item(self, visit: impl FnMut(Self)) {
        if let Kind::List = self.kind() {
            self.walk(Items(visit));
        }
    }

    /// The text of a string.
    #[must_use]
    pub fn as_str(self) -> Option<Cow<'a, str>> {
        self.read::<Text<'a>>().map(|text| text.0)
    }

    /// A whole number.
    #[must_use]
    pub fn as_i64(self) -> Option<i64> {
        self.read()
    }

    /// `true` for an object.
    #[must_use]
    pub fn is_object(self) -> bool {
        matches!(self.kind(), Kind::Object)
    }

    /// `true` for any value, `null` included.
    #[must_use]
    pub fn is_present(self) -> bool {
        self.0.is_some()
    }

    /// `true` for any value other than `null`.
    #[must_use]
    pub fn is_set(self) -> bool {
        !matches!(self.kind(), Kind::Nothing)
    }

    /// The value as it is written; `null` where there is none.
    #[must_use]
    pub fn text(self) -> &'a str {
        self.0.map_or("null", RawValue::get)
    }

    fn kind(self) -> Kind {
        match self.text().as_bytes().first() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::List,
            None | Some(b'n') => Kind::Nothing,
            Some(_) => Kind::Scalar,
        }
    }

    fn read<T: Deserialize<'a>>(self) -> Option<T> {
        serde_json::from_str(self.text()).ok()
    }

    fn walk(self, visitor: impl Visitor<'a, Value = ()>) {
        let mut json = serde_json::Deserializer::from_str(self.text());
        // A slice of a body that was read once is well-formed.
        let _ = json.deserialize_any(visitor);
    }
}

/// Two values are equal when they are written alike: an API server writes both objects of a review in one way.
impl PartialEq for View<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for View<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(|raw| Self(Some(raw)))
    }
}

enum Kind {
    Object,
    List,
    Scalar,
    /// `null`, or nothing at all.
    Nothing,
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

struct Members<F>(F);

impl<'de, F: FnMut(&str, View<'de>)> Visitor<'de> for Members<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        while let Some(Text(name)) = members.next_key()? {
            let value = members.next_value()?;
            (self.0)(&name, value);
        }
        Ok(())
    }
}

struct Items<F>(F);

impl<'de, F: FnMut(View<'de>)> Visitor<'de> for Items<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element()? {
            (self.0)(item);
        }
        Ok(())
    }
}
