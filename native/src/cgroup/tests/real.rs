//! The machine's own hierarchies, as root.
