//! Pictures to glyphs.
