//! Damaged archives: no panic, and nothing outside of the destination changes.
