//! The decipher command.
fn main() {}
