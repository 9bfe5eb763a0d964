//! Choices that the bytes of a fuzzer make: the same bytes choose the same.

/// Bytes, read as choices. When they are used up, the first of several is chosen.
#[derive(Clone, Debug)]
pub struct Choices<'a> {
    bytes: std::slice::Iter<'a, u8>,
}

impl<'a> Choices<'a> {
    /// The choices of these bytes.
    #[must_use]
    pub fn of(bytes: &'a [u8]) -> Self {
        Self { bytes: bytes.iter() }
    }

    /// A number below a bound; 0 where there is none.
    pub fn below(&mut self, bound: usize) -> usize {
        let mut next = || usize::from(self.bytes.next().copied().unwrap_or_default());
        let number = if bound > 256 { next().saturating_mul(256).saturating_add(next()) } else { next() };
        number.checked_rem(bound).unwrap_or_default()
    }

    /// One of several; `None` where there is none.
    pub fn pick<'b, T>(&mut self, all: &'b [T]) -> Option<&'b T> {
        all.get(self.below(all.len()))
    }
}
