//! The charts: what they render is taken by a real API server, what is wrong with values is refused, the rights that they
//! grant are those that are used, and the operator runs as they say.

mod certificates;
mod installed;
mod rendered;
mod rights;
mod said;
mod tested;
mod upgraded;

pub use self::{certificates::*, installed::*, rendered::*, rights::*, said::*, tested::*, upgraded::*};
