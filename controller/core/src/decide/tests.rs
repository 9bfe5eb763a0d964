//! Front door `decide`.
